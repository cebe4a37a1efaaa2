//! The Lambda function `delete-attachment`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("delete-attachment", delete_attachment::handle).await
}
