//! The Lambda function `get-webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("get-webhook", get_webhook::handle).await
}
