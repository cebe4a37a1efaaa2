//! The Lambda function `list-conversations`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-conversations", list_conversations::handle).await
}
