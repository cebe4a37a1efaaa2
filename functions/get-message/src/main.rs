//! The Lambda function `get-message`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("get-message", get_message::handle).await
}
