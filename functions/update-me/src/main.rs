//! The Lambda function `update-me`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("update-me", update_me::handle).await
}
