//! The Lambda function `erase-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_with_files("erase-contact", erase_contact::handle).await
}
