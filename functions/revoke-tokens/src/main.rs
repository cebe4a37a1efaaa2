//! The Lambda function `revoke-tokens`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("revoke-tokens", revoke_tokens::handle).await
}
