//! The Lambda function `list-audit-entries`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-audit-entries", list_audit_entries::handle).await
}
