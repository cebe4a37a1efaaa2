//! The Lambda function `get-conversation`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("get-conversation", get_conversation::handle).await
}
