//! The Lambda function `create-message`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("create-message", create_message::handle).await
}
