//! The Lambda function `list-messages`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-messages", list_messages::handle).await
}
