//! The Lambda function `replay-deliveries`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("replay-deliveries", replay_deliveries::handle).await
}
