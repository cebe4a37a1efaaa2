//! The Lambda function `delete-webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("delete-webhook", delete_webhook::handle).await
}
