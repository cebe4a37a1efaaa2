//! The Lambda function `revoke-contact-tokens`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("revoke-contact-tokens", revoke_contact_tokens::handle).await
}
