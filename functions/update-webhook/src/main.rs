//! The Lambda function `update-webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("update-webhook", update_webhook::handle).await
}
