//! The Lambda function `list-deliveries`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-deliveries", list_deliveries::handle).await
}
