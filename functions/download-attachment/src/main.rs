//! The Lambda function `download-attachment`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("download-attachment", download_attachment::handle).await
}
