//! The Lambda function `create-attachment`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("create-attachment", create_attachment::handle).await
}
