//! The Lambda function `get-attachment`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("get-attachment", get_attachment::handle).await
}
