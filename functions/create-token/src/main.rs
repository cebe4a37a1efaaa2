//! The Lambda function `create-token`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("create-token", create_token::handle).await
}
