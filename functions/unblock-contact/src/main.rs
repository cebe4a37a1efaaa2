//! The Lambda function `unblock-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("unblock-contact", unblock_contact::handle).await
}
