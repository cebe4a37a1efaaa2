//! The Lambda function `get-contact`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("get-contact", get_contact::handle).await
}
