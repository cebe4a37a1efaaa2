//! The handler of each Lambda function, by the name of its binary.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_http::{Body, Request, Response};
use shared::Store;

/// A handler as the Lambda runtime calls it: takes an event and returns a response.
pub type Handler = Arc<dyn Fn(Store, Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// Returns all handlers, one per function.
#[must_use]
pub fn all() -> BTreeMap<&'static str, Handler> {
    [
        mount("add-participants", add_participants::handle),
        mount("create-conversation", create_conversation::handle),
        mount("create-message", create_message::handle),
        mount("create-token", create_token::handle),
        mount("delete-message", delete_message::handle),
        mount("get-contact", get_contact::handle),
        mount("get-conversation", get_conversation::handle),
        mount("get-me", get_me::handle),
        mount("get-message", get_message::handle),
        mount("leave-conversation", leave_conversation::handle),
        mount("list-contacts", list_contacts::handle),
        mount("list-conversations", list_conversations::handle),
        mount("list-messages", list_messages::handle),
        mount("list-tokens", list_tokens::handle),
        mount("remove-participant", remove_participant::handle),
        mount("revoke-token", revoke_token::handle),
        mount("unknown-route", unknown_route::handle),
        mount("update-conversation", update_conversation::handle),
        mount("update-me", update_me::handle),
        mount("update-message", update_message::handle),
    ]
    .into()
}

fn mount<H, F>(binary: &'static str, handle: H) -> (&'static str, Handler)
where
    H: Fn(Store, shared::http::Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = shared::Result<shared::http::Response>> + Send + 'static,
{
    (
        binary,
        Arc::new(move |store, event| shared::http::respond(binary, store, event, handle).boxed()),
    )
}
