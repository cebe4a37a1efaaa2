//! The handler of each Lambda function, by the name of its binary: of HTTP requests, or of a stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime::LambdaEvent;
use lambda_http::{Body, Request, Response};
use shared::Store;
use shared::delivery;
use shared::socket;
use shared::stream::{self, Outcome};

/// A handler as the Lambda runtime calls it: takes an event and returns a response.
pub type Handler = Arc<dyn Fn(Store, Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A handler of a stream as the Lambda runtime calls it: takes an event and returns which records failed.
pub type StreamHandler =
    Arc<dyn Fn(Store, LambdaEvent<stream::Event>) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Returns the handlers of streams, one per function.
#[must_use]
pub fn of_streams() -> BTreeMap<&'static str, StreamHandler> {
    let remove_file: StreamHandler = Arc::new(|store, event| {
        stream::respond_to_removals("remove-file", store, event, remove_file::handle).boxed()
    });
    let publish_changes: StreamHandler = Arc::new(|store, event| {
        stream::respond_to_changes("publish-changes", store, event, publish_changes::handle).boxed()
    });
    [
        ("publish-changes", publish_changes),
        ("remove-file", remove_file),
    ]
    .into()
}

/// The handler of a WebSocket API as the Lambda runtime calls it.
pub type SocketHandler = Arc<
    dyn Fn(Store, LambdaEvent<socket::Event>) -> BoxFuture<'static, socket::Output> + Send + Sync,
>;

/// Returns the handlers of WebSocket APIs, one per function.
#[must_use]
pub fn of_sockets() -> BTreeMap<&'static str, SocketHandler> {
    let open_socket: SocketHandler = Arc::new(|store, event| {
        socket::respond("open-socket", store, event, open_socket::handle).boxed()
    });
    [("open-socket", open_socket)].into()
}

/// The handler of the function that delivers webhooks, as the Lambda runtime calls it.
pub type DeliveryHandler = Arc<
    dyn Fn(Store, LambdaEvent<delivery::Event>) -> BoxFuture<'static, shared::Result<()>>
        + Send
        + Sync,
>;

/// Returns the handlers that deliver webhooks, one per function.
#[must_use]
pub fn of_deliveries() -> BTreeMap<&'static str, DeliveryHandler> {
    let deliver_webhooks: DeliveryHandler = Arc::new(|store, event| {
        delivery::respond("deliver-webhooks", store, event, deliver_webhooks::handle).boxed()
    });
    [("deliver-webhooks", deliver_webhooks)].into()
}

/// Returns all handlers of HTTP requests, one per function.
#[must_use]
pub fn all() -> BTreeMap<&'static str, Handler> {
    [
        mount("add-participants", add_participants::handle),
        mount("block-contact", block_contact::handle),
        mount("create-attachment", create_attachment::handle),
        mount("create-contact", create_contact::handle),
        mount("create-contact-token", create_contact_token::handle),
        mount("create-conversation", create_conversation::handle),
        mount("create-message", create_message::handle),
        mount("create-token", create_token::handle),
        mount("create-webhook", create_webhook::handle),
        mount("delete-attachment", delete_attachment::handle),
        mount("delete-message", delete_message::handle),
        mount("delete-webhook", delete_webhook::handle),
        mount("download-attachment", download_attachment::handle),
        mount("erase-contact", erase_contact::handle),
        mount("get-attachment", get_attachment::handle),
        mount("get-contact", get_contact::handle),
        mount("get-conversation", get_conversation::handle),
        mount("get-me", get_me::handle),
        mount("get-message", get_message::handle),
        mount("get-webhook", get_webhook::handle),
        mount("leave-conversation", leave_conversation::handle),
        mount("list-attachments", list_attachments::handle),
        mount("list-audit-entries", list_audit_entries::handle),
        mount("list-blocks", list_blocks::handle),
        mount("list-contacts", list_contacts::handle),
        mount("list-conversations", list_conversations::handle),
        mount("list-deliveries", list_deliveries::handle),
        mount("list-edits", list_edits::handle),
        mount("list-events", list_events::handle),
        mount("list-messages", list_messages::handle),
        mount("list-reports", list_reports::handle),
        mount("list-tokens", list_tokens::handle),
        mount("list-webhooks", list_webhooks::handle),
        mount("remove-participant", remove_participant::handle),
        mount("replay-deliveries", replay_deliveries::handle),
        mount("report-message", report_message::handle),
        mount("resolve-report", resolve_report::handle),
        mount("revoke-contact-tokens", revoke_contact_tokens::handle),
        mount("revoke-token", revoke_token::handle),
        mount("revoke-tokens", revoke_tokens::handle),
        mount("rotate-webhook-secret", rotate_webhook_secret::handle),
        mount("test-webhook", test_webhook::handle),
        mount("unblock-contact", unblock_contact::handle),
        mount("unknown-route", unknown_route::handle),
        mount("update-contact", update_contact::handle),
        mount("update-conversation", update_conversation::handle),
        mount("update-me", update_me::handle),
        mount("update-message", update_message::handle),
        mount("update-webhook", update_webhook::handle),
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
