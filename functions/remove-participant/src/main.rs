//! The Lambda function `remove-participant`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("remove-participant", remove_participant::handle).await
}
