//! The Lambda function `update-conversation`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("update-conversation", update_conversation::handle).await
}
