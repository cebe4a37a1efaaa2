//! The Lambda function `create-conversation`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("create-conversation", create_conversation::handle).await
}
