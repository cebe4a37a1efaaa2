//! The Lambda function `update-message`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("update-message", update_message::handle).await
}
