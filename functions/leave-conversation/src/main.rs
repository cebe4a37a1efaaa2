//! The Lambda function `leave-conversation`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("leave-conversation", leave_conversation::handle).await
}
