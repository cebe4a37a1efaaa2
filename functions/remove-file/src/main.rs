//! The Lambda function `remove-file`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::stream::serve_removals("remove-file", remove_file::handle).await
}
