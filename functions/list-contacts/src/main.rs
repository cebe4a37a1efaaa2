//! The Lambda function `list-contacts`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::http::serve("list-contacts", list_contacts::handle).await
}
