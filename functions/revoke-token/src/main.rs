//! The Lambda function `revoke-token`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("revoke-token", revoke_token::handle).await
}
