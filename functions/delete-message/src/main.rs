//! The Lambda function `delete-message`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("delete-message", delete_message::handle).await
}
