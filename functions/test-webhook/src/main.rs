//! The Lambda function `test-webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("test-webhook", test_webhook::handle).await
}
