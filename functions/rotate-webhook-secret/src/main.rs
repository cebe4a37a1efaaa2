//! The Lambda function `rotate-webhook-secret`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("rotate-webhook-secret", rotate_webhook_secret::handle).await
}
