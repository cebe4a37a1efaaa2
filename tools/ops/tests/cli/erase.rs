//! `cargo ops contact erase`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use serde_json::json;
use shared::caller::Caller;
use shared::contact::ContactRef;
use shared::id::MessageId;
use shared::store::Admin;

use crate::harness::{World, error, ops, run, string};

/// Creates a world in which Ann has sent messages, reacted, and left a conversation.
/// Returns it with the id of a message from Bob to which she reacted.
async fn active_world() -> (World, MessageId) {
    let world = World::new().await;
    for text in ["one", "two", "three"] {
        world.create_message("ann", world.house, text).await;
    }
    let of_bob = world.create_message("bob", world.house, "four").await;
    for emoji in ["heart", "+1"] {
        world.react("ann", of_bob, emoji).await;
        world.react("bob", of_bob, emoji).await;
    }
    for _ in 0..2 {
        let attachment = world.create_attachment("ann", world.house).await;
        let bucket = &world.stack.bucket;
        bucket.put(attachment, "image/jpeg", b"x").unwrap();
    }
    world.create_attachment("bob", world.house).await;
    // She has read all messages, and some before that, when there was no room in the conversation.
    world.mark_read("ann", of_bob).await;
    let older = format!("1000000000000000001000000001{}", world.id("ann"));
    let older = json!({
        "conversation_id": string(world.house),
        "up_to": string("1000000001"),
        "intervals": { "L": [string(older)] },
    });
    world.put_item("ReadsTable", &older);
    let attic = world
        .create_conversation("bob", &["ann", "cat"], None)
        .await;
    world.create_message("ann", attic, "I am off").await;
    world.leave("ann", attic).await;
    let pair = world.create_conversation("ann", &["bob"], None).await;
    world.create_message("bob", pair, "just us").await;
    let alone = world
        .create_conversation("ann", &["bob", "cat"], None)
        .await;
    world.create_message("bob", alone, "bye").await;
    world.leave("bob", alone).await;
    world.leave("cat", alone).await;
    let ann = world.id("ann");
    let external_id = json!({ "id": string("external:user-1"), "contact_id": string(ann) });
    world.put_item("ContactsTable", &external_id);
    let values = json!({ ":id": string("user-1") });
    let key = json!({ "id": string(ann) });
    world.update_item("ContactsTable", &key, "SET external_id = :id", &values);
    let cat = Caller::with_token("cat");
    world
        .store
        .block_contact(&cat, &ContactRef::Id(ann))
        .await
        .unwrap();
    (world, of_bob)
}

/// Checks that no data of Ann remains, and that the data of the others does.
async fn assert_erased(world: &World, of_bob: MessageId) {
    let remaining = world.items_with(&world.id("ann").to_string());
    let is_creator = |item: &serde_json::Value| item["creator"] == string(world.id("ann"));
    assert!(remaining.iter().all(is_creator), "{remaining:?}");
    assert_eq!(world.items("MessagesTable").len(), 2, "Bob's messages");
    let message = world
        .store
        .get_message(&Caller::with_token("cat"), of_bob)
        .await;
    let message = serde_json::to_value(message.unwrap()).unwrap();
    assert!(message["read_at"].is_u64(), "although its reader is erased");
    assert_eq!(
        message["reactions"],
        json!([{ "+1": ["bob"] }, { "heart": ["bob"] }])
    );
    assert_eq!(world.items("AttachmentsTable").len(), 1, "Bob's upload");
    let doctor = ops(&world.data, &["doctor"]);
    let own = world.items("ContactsTable").into_iter();
    let own = own.filter(|item| item.to_string().contains("ann"));
    assert_eq!(own.count(), 0, "of her username only a hash is kept");
    assert!(doctor.ends_with("no inconsistencies"), "{doctor}");
}

#[tokio::test]
async fn erasing_a_contact_deletes_all_its_data() {
    let (world, of_bob) = active_world().await;
    let erased = run(&world.data, &["contact", "erase", "Ann", "--yes"]);
    assert_eq!(erased.stderr, b"", "a data file has no backups");
    let erased = String::from_utf8(erased.stdout).unwrap();
    let expected = [
        "tokens 1",
        "feed 0",
        "webhooks 0",
        "edits 0",
        "messages 4",
        "attachments 2",
        "files 2",
        "reactions 2",
        "idempotency keys 4",
        "inbox entries 3",
        "conversations left 3",
        "reads 2",
        "memberships 4",
        "memberships of others 5",
        "pairs 0",
        "acquaintances 6",
        "reports 0",
        "blocks by others 1",
        "usernames 1",
        "external ids 1",
        "contacts 1",
        "remaining 0",
    ];
    assert_eq!(erased.lines().collect::<Vec<_>>(), expected);
    assert_erased(&world, of_bob).await;
    assert!(error(&world.data, &["contact", "erase", "ann", "--yes"]).contains("ann"));
}

#[tokio::test]
async fn erasing_without_yes_is_refused_and_changes_nothing() {
    let (world, _) = active_world().await;
    let before = world.items_with("");
    let refused = error(&world.data, &["contact", "erase", "ann"]);
    let ann = world.id("ann").to_string();
    for part in ["--yes", "ann", ann.as_str()] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(world.items_with(""), before);
}

/// Lets this many writes pass, then fails all others.
#[derive(Debug)]
struct FailAfter(Arc<AtomicUsize>);

impl Intercept for FailAfter {
    fn name(&self) -> &'static str {
        "FailAfter"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        let is_write = input.downcast_ref::<TransactWriteItemsInput>().is_some()
            || input.downcast_ref::<BatchWriteItemInput>().is_some()
            || input.downcast_ref::<UpdateItemInput>().is_some();
        if !is_write {
            return Ok(());
        }
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map(drop).map_err(|_| "interrupted".into())
    }
}

#[tokio::test]
async fn an_interrupted_erasure_can_be_repeated() {
    let mut writes = 0;
    loop {
        let (world, of_bob) = active_world().await;
        let before = world.items("MessagesTable");
        let left = Arc::new(AtomicUsize::new(writes));
        let store = world.store.clone().with_interceptor(FailAfter(left));
        let ann = world.id("ann");
        if Admin::new(store.clone()).erase_contact(ann).await.is_ok() {
            break;
        }
        if world.items("MessagesTable") != before {
            let caller = Caller::with_token("ann");
            let authenticated = world.store.authenticate(&caller).await;
            assert!(authenticated.is_err(), "tokens are deleted first");
        }
        Admin::new(world.store.clone())
            .erase_contact(ann)
            .await
            .unwrap();
        assert_erased(&world, of_bob).await;
        // The API tests interrupt it at each call.
        writes += 3;
    }
    assert!(writes > 15, "{writes}");
}

#[tokio::test]
async fn the_data_of_a_contact_without_contact_item_is_erased_by_id() {
    let (world, of_bob) = active_world().await;
    let ann = world.id("ann").to_string();
    world.delete_item("ContactsTable", &json!({ "id": string(&ann) }));
    world.delete_item("ContactsTable", &json!({ "id": string("@ann") }));
    let erased = ops(&world.data, &["contact", "erase", &ann, "--yes"]);
    assert!(erased.contains("messages 4\n"), "{erased}");
    assert!(erased.ends_with("contacts 0\nremaining 0"), "{erased}");
    assert_erased(&world, of_bob).await;
    let again = error(&world.data, &["contact", "erase", &ann, "--yes"]);
    assert!(again.contains("nothing is stored"), "{again}");
}

#[tokio::test]
async fn inconsistent_items_do_not_prevent_an_erasure() {
    let (world, of_bob) = active_world().await;
    let ann = world.id("ann");
    let pairs = world.items("ConversationsTable");
    let pair = pairs
        .iter()
        .find(|item| item.get("conversation_id").is_some());
    world.delete_item("ConversationsTable", &json!({ "id": pair.unwrap()["id"] }));
    let key = json!({ "contact_id": string(ann), "conversation_id": string(world.house) });
    world.delete_item("MembershipsTable", &key);
    let tokens = world.items("TokenIdsTable");
    let token = tokens.iter().find(|item| item["contact_id"] == string(ann));
    let key = json!({ "contact_id": string(ann), "id": token.unwrap()["id"] });
    world.delete_item("TokenIdsTable", &key);
    let erased = ops(&world.data, &["contact", "erase", "ann", "--yes"]);
    assert!(
        erased.starts_with("tokens 1\n") && erased.ends_with("remaining 0"),
        "{erased}"
    );
    assert_erased(&world, of_bob).await;
}

#[tokio::test]
async fn malformed_memberships_are_erased() {
    let (world, of_bob) = active_world().await;
    for (conversation, place) in [("0123456789abcdef", None), ("0123456789abcdeg", Some("x"))] {
        let mut item = json!({
            "contact_id": string(world.id("ann")),
            "conversation_id": string(conversation),
        });
        if let Some(place) = place {
            item["place"] = string(place);
        }
        world.put_item("MembershipsTable", &item);
    }
    let erased = ops(&world.data, &["contact", "erase", "ann", "--yes"]);
    assert!(erased.ends_with("remaining 0"), "{erased}");
    assert_erased(&world, of_bob).await;
}
