//! The Lambda function `add-participants`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("add-participants", add_participants::handle).await
}
