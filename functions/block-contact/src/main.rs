//! The Lambda function `block-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("block-contact", block_contact::handle).await
}
