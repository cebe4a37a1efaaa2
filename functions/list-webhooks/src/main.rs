//! The Lambda function `list-webhooks`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-webhooks", list_webhooks::handle).await
}
