//! The Lambda function `open-socket`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::socket::serve("open-socket", open_socket::handle).await
}
