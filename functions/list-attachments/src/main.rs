//! The Lambda function `list-attachments`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-attachments", list_attachments::handle).await
}
