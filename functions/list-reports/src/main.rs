//! The Lambda function `list-reports`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-reports", list_reports::handle).await
}
