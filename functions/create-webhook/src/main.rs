//! The Lambda function `create-webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("create-webhook", create_webhook::handle).await
}
