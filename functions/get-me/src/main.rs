//! The Lambda function `get-me`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("get-me", get_me::handle).await
}
