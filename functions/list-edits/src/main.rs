//! The Lambda function `list-edits`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-edits", list_edits::handle).await
}
