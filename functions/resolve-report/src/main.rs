//! The Lambda function `resolve-report`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("resolve-report", resolve_report::handle).await
}
