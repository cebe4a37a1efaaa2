//! The Lambda function `create-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("create-contact", create_contact::handle).await
}
