//! The Lambda function `unknown-route`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve_unconnected("unknown-route", unknown_route::handle).await
}
