//! The Lambda function `publish-changes`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::stream::serve_changes("publish-changes", publish_changes::handle).await
}
