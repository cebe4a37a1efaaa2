//! The Lambda function `list-blocks`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-blocks", list_blocks::handle).await
}
