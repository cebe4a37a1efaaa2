//! The Lambda function `list-tokens`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-tokens", list_tokens::handle).await
}
