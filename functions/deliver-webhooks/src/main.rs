//! The Lambda function `deliver-webhooks`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::delivery::serve("deliver-webhooks", deliver_webhooks::handle).await
}
