//! The Lambda function `create-contact-token`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("create-contact-token", create_contact_token::handle).await
}
