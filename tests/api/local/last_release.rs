//! Today's code with what the last release has stored, as during and after a deployment.
//!
//! `last_release.json` has the items of all tables, and the responses of that release. After a release, write it anew
//! (`.ci/check-upgrade` compares its version with the last tag):
//!
//! ```sh
//! WRITE_LAST_RELEASE=1 cargo test -p api-tests --test api last_release
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::ImportOptions;
use local_stack::demo;
use local_stack::stack::Stack;
use serde_json::{Map, Value, json};
use shared::id::AttachmentId;
use shared::store::{Admin, Inconsistency};
use shared::time::{Clock, Micros};

use crate::harness::{Host, Person, serve};

const HOUR: u64 = 3_600_000_000;

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "api/local/last_release.json"]
        .iter()
        .collect()
}

/// The demo contacts, in their conversation.
fn people(url: &str) -> [Person; 4] {
    demo::CONTACTS.map(|contact| Person {
        url: url.to_owned(),
        id: contact.id.parse().unwrap(),
        username: contact.username.to_owned(),
        token: contact.token.to_owned(),
        conversation: demo::CONVERSATION_ID.parse().unwrap(),
        on_behalf_of: String::new(),
    })
}

/// Stores something of every kind, through the API. Returns the time after it.
async fn store_everything(stack: &Stack) -> u64 {
    demo::load(&stack.store, &stack.bucket).await.unwrap();
    let now = Arc::new(AtomicU64::new(Clock::system().now().0));
    let ticking = now.clone();
    let clock = Clock::new(move || Micros(ticking.fetch_add(1_000, Ordering::Relaxed)));
    let files = stack.store.files().cloned();
    let store = stack.store.clone().with_clock(clock).with_files(files);
    let [kevin, kate, linnie, buzz] = people(&serve(stack, &store).await);

    let first = kevin.sends_with_key("key", "once").await.is(201).json();
    let first = first["id"].as_str().unwrap();
    let second = kate.sends("edited later").await;
    kate.updates_message(&second, "message=edited")
        .await
        .is(200);
    kevin.reacts(&second, "heart").await.is(200);
    let deleted = kate.sends("deleted").await;
    kate.deletes_message(&deleted).await.is(204);
    let files = [
        kevin.uploads("sent.jpg", b"sent").await,
        kevin.uploads("pending.jpg", b"pending").await,
    ];
    let sent = kevin.tries_to_send_files("with a file", &files[..1]).await;
    sent.is(201);
    linnie.updates_message(first, "read=true").await.is(200);
    let marks = format!("read_up_to={second}&is_pinned=true&is_muted=true");
    kate.updates_conversation(&marks).await.is(200);
    linnie.updates_conversation("archived=true").await.is(200);
    // More marks than the conversation's item has room for.
    for number in 0..20 {
        let sent = kevin.sends(&number.to_string()).await;
        let read = format!("read_up_to={sent}");
        for reader in [&kate, &linnie] {
            reader.updates_conversation(&read).await.is(200);
        }
    }

    let pending = kevin.creates_conversation(&[&buzz], "name=Strangers").await;
    pending.sends("hello").await;
    let left = kate.creates_conversation(&[&linnie], "name=Left").await;
    left.sends("hello").await;
    linnie
        .within(left.conversation)
        .leaves_conversation()
        .await
        .is(204);
    kevin
        .creates_conversation(&[&kate], "")
        .await
        .sends("hi")
        .await;
    linnie.blocks(&buzz).await.is(204);
    linnie.puts("/v1/me", "username=Linnie").await.is(200);
    let (_, phone) = kevin.creates_token("label=phone&expires_in=86400").await;
    phone.creates_token("label=watch").await;
    now.load(Ordering::Relaxed) + 60_000_000
}

/// What all of them see at this time.
async fn responses(stack: &Stack, now: u64) -> Vec<Value> {
    let now = Arc::new(AtomicU64::new(now));
    let url = Host::new(stack).clock_at(&now).start().await;
    let mut responses = Vec::new();
    for person in people(&url) {
        let mut paths: Vec<_> = [
            "/v1/me",
            "/v1/conversations",
            "/v1/conversations?archived=true",
            "/v1/conversations?pending=true",
            "/v1/messages",
            "/v1/contacts",
            "/v1/blocks",
            "/v1/tokens",
        ]
        .map(str::to_owned)
        .into();
        let page = person.gets("/v1/conversations?pending=true").await;
        for list in [person.gets("/v1/conversations").await, page] {
            for id in list.is(200).ids() {
                paths.push(format!("/v1/conversations/{id}"));
                paths.push(format!("/v1/messages?conversation_id={id}"));
                paths.push(format!("/v1/attachments?conversation_id={id}"));
            }
        }
        for id in person.gets("/v1/messages").await.is(200).ids() {
            paths.push(format!("/v1/messages/{id}"));
        }
        for path in paths {
            let response = person.gets(&path).await;
            // Each host has another port.
            let body = response.text.replace(&url, "http://localhost");
            let body: Value = serde_json::from_str(&body).unwrap();
            responses.push(json!({
                "username": person.username,
                "path": path,
                "status": response.status.as_u16(),
                "body": body,
            }));
        }
    }
    responses
}

/// Writes the data file with today's code.
async fn write() {
    let stack = Stack::start(None).await.unwrap();
    let now = store_everything(&stack).await;
    let mut tables = Map::new();
    for (_, table) in stack
        .variables()
        .filter(|(name, _)| name.ends_with("_TABLE"))
    {
        let scan = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let items = stack.engine.database().scan(scan).unwrap();
        let items = serde_json::to_value(items).unwrap()["Items"].take();
        assert_ne!(items, json!([]), "{table} is empty");
        tables.insert(table.to_owned(), items);
    }
    let responses = responses(&stack, now).await;
    let content = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": now,
        "tables": tables,
        "responses": responses,
    });
    let content = serde_json::to_string_pretty(&content).unwrap() + "\n";
    fs::write(file(), content).unwrap();
}

/// Fills a stack with the items of the data file, and a file for each attachment.
fn load(stack: &Stack, release: &Value) {
    for (table, items) in release["tables"].as_object().unwrap() {
        let items = items.as_array().unwrap().iter();
        let items: Vec<_> = items
            .map(|item| serde_json::from_value(item.clone()).unwrap())
            .collect();
        let count = items.len();
        let database = stack.engine.database();
        let imported = database.import_items(table, items, ImportOptions::default());
        assert_eq!(imported.unwrap().items_imported, count, "{table}");
    }
    for item in release["tables"]["AttachmentsTable"].as_array().unwrap() {
        let text = |key: &str, kind: &str| item[key][kind].as_str().unwrap();
        let created_at = Micros(text("created_at", "N").parse().unwrap());
        let conversation = text("conversation_id", "S").parse().unwrap();
        let id = AttachmentId::new(created_at, conversation);
        stack.bucket.put(id, text("file_type", "S"), b"x").unwrap();
    }
}

/// How a response differs from that of the last release, new keys aside.
fn difference(found: &Value, expected: &Value) -> Option<String> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().find_map(|(key, value)| {
                let found = found.get(key).unwrap_or(&Value::Null);
                let inner = difference(found, value)?;
                Some(format!("{key}: {inner}"))
            })
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => found
            .iter()
            .zip(expected)
            .find_map(|(found, expected)| difference(found, expected)),
        // The bucket has another port.
        (Value::String(found), Value::String(expected))
            if [found, expected].map(|url| url.contains("X-Amz-Signature")) == [true; 2] =>
        {
            None
        }
        _ if found == expected => None,
        _ => Some(format!("{found} instead of {expected}")),
    }
}

#[test]
fn differences_to_the_last_release_are_found() {
    let expected = json!({"data": [{"id": "a", "read_at": null}]});
    let with_new_key = json!({"data": [{"id": "a", "read_at": null, "new": 1}], "next": 2});
    assert_eq!(difference(&with_new_key, &expected), None);
    for found in [
        json!({"data": []}),
        json!({"data": [{"id": "b", "read_at": null}]}),
        json!({"data": [{"id": "a", "read_at": 1}]}),
        json!({}),
    ] {
        assert!(difference(&found, &expected).is_some(), "{found}");
    }
}

#[tokio::test]
async fn what_the_last_release_has_stored_is_read_as_before_and_can_be_changed() {
    if std::env::var_os("WRITE_LAST_RELEASE").is_some() {
        write().await;
    }
    let release: Value = serde_json::from_slice(&fs::read(file()).unwrap()).unwrap();
    let now = release["now"].as_u64().unwrap();
    let stack = Stack::start(None).await.unwrap();
    load(&stack, &release);

    let found = responses(&stack, now).await;
    let expected = release["responses"].as_array().unwrap();
    assert!(expected.len() > 40, "{}", expected.len());
    let names = |responses: &[Value]| -> Vec<_> {
        let named = responses.iter();
        named
            .map(|one| format!("{} {}", one["username"], one["path"]))
            .collect()
    };
    assert_eq!(names(&found), names(expected));
    for (found, expected) in found.iter().zip(expected) {
        let difference = difference(found, expected);
        let name = &expected["path"];
        assert_eq!(difference, None, "{} {name}", expected["username"]);
    }

    let time = Arc::new(AtomicU64::new(now + 60_000_000));
    let url = Host::new(&stack).clock_at(&time).start().await;
    let [kevin, kate, linnie, buzz] = people(&url);
    let replayed = kevin.sends_with_key("key", "once").await.is(201);
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    let newest = kate.sends("after the upgrade").await;
    linnie.reacts(&newest, "heart").await.is(403); // in her former username
    linnie
        .updates_message(&newest, "reactions[heart][]=Linnie")
        .await
        .is(200);
    let read = format!("read_up_to={newest}");
    kate.updates_conversation(&read).await.is(200);
    let pending = buzz.lists_conversations("pending=true").await.ids();
    let pending = buzz.within(pending[0].parse().unwrap());
    pending.accepts().await.is(200);
    pending.sends("accepted").await;
    linnie.unblocks(&buzz).await.is(204);
    kate.leaves_conversation().await.is(204);
    kevin.revokes_other_tokens().await.is(204);
    let later = Clock::new(move || Micros(now + HOUR));
    let store = stack.store.clone().with_clock(later);
    // S3 keeps its own time.
    let store = store.with_files(stack.store.files().cloned());
    let admin = Admin::new(store);
    let report = admin.check().await.unwrap();
    // The list of all contacts is new: the operator repairs it once.
    let missing: BTreeSet<_> = report.inconsistencies().cloned().collect();
    let contacts = demo::CONTACTS.map(|contact| contact.id.parse().unwrap());
    assert_eq!(
        missing,
        contacts.map(Inconsistency::MissingInDirectory).into()
    );
    for inconsistency in &missing {
        assert!(admin.repair(inconsistency).await.unwrap());
    }
    let report = admin.check().await.unwrap();
    let found: Vec<_> = report.inconsistencies().collect();
    assert!(found.is_empty(), "{found:?}");
}
