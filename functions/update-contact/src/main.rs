//! The Lambda function `update-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("update-contact", update_contact::handle).await
}
