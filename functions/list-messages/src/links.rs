//! The `Link` header (RFC 8288): `next` is the older page, `prev` the newer one.

use form_urlencoded::Serializer;
use shared::id::MessageId;
use shared::message::Message;
use shared::page::Page;

use super::ListMessages;

/// The links to either side, as far as is known without looking there; none if there is nothing.
pub fn of(path: &str, list: &ListMessages, page: &Page<Message>) -> Option<String> {
    let older_exists = page.has_more || list.ending_before.is_some();
    let newer_exists = if list.ending_before.is_some() {
        page.has_more
    } else {
        list.starting_after.is_some()
    };
    let next = page.data.last().filter(|_| older_exists);
    let prev = page.data.first().filter(|_| newer_exists);
    let next = next.map(|last| link(path, list, "starting_after", last.id, "next"));
    let prev = prev.map(|first| link(path, list, "ending_before", first.id, "prev"));
    let links: Vec<_> = next.into_iter().chain(prev).collect();
    (!links.is_empty()).then(|| links.join(", "))
}

/// The same list from another cursor.
fn link(path: &str, list: &ListMessages, cursor: &str, id: MessageId, rel: &str) -> String {
    let mut query = Serializer::new(String::new());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    };
    add("conversation_id", list.conversation_id.map(Into::into));
    add("limit", list.limit.map(|limit| limit.get().to_string()));
    add(
        "created_at[gte]",
        list.created_at.gte.map(|seconds| seconds.0.to_string()),
    );
    add(
        "created_at[lt]",
        list.created_at.lt.map(|seconds| seconds.0.to_string()),
    );
    add(cursor, Some(id.into()));
    format!("<{path}?{}>; rel=\"{rel}\"", query.finish())
}
