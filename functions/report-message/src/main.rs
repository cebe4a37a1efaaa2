//! The Lambda function `report-message`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("report-message", report_message::handle).await
}
