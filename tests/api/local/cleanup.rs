//! Which items remain in the store, and how leftover items are handled.

use dynoxide::types::AttributeValue;
use serde_json::json;

use shared::id::{ConversationId, MessageId};
use shared::time::Micros;

use super::cost::import_inbox;
use crate::harness::{Fault, Proxy, World};

#[tokio::test]
async fn deleting_a_message_removes_all_its_items() {
    let world = World::new().await;
    let id = world.kevin.sends("oops").await;
    world.kate.reacts(&id, "heart").await.is(200);
    world.kevin.deletes_message(&id).await.is(204);
    for table in ["MessagesTable", "InboxTable"] {
        let request = serde_json::from_value(serde_json::json!({ "TableName": table })).unwrap();
        let scan = world.engine().database().scan(request).unwrap();
        assert_eq!(serde_json::to_value(scan).unwrap()["Count"], 0, "{table}");
    }
}

#[tokio::test]
async fn a_list_skips_and_deletes_orphaned_inbox_entries_and_fills_the_page() {
    let world = World::new().await;
    let left_conversation = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let mut expected = Vec::new();
    for number in 0..30 {
        let id = world.kevin.sends("stays").await;
        let orphan = world.kevin.sends("deleted without its entries").await;
        world.delete_item(
            "MessagesTable",
            &[
                ("conversation_id", string(&world.conversation)),
                ("created_at", created_at(&orphan)),
            ],
        );
        world
            .kevin
            .within(left_conversation)
            .sends("in a conversation that Kate leaves")
            .await;
        if number >= 10 {
            expected.insert(0, id);
        }
    }
    world.delete_item("ConversationsTable", &[("id", string(&left_conversation))]);
    world.delete_item(
        "MembershipsTable",
        &[
            ("contact_id", string(&world.kevin.id)),
            ("conversation_id", string(&left_conversation)),
        ],
    );
    world
        .create_conversation(left_conversation, &[&world.kevin])
        .await;
    let page = world.kate.lists_inbox("limit=20").await.is(200);
    assert_eq!(page.ids(), expected);
    assert_eq!(page.json()["has_more"], true);
    assert!(
        page.cost().calls <= 15,
        "orphans are read in batches: {:?}",
        page.cost()
    );
    let again = world.kate.lists_inbox("limit=20").await.is(200);
    assert_eq!(again.ids(), expected);
    assert!(
        again.cost().calls < page.cost().calls,
        "the orphans were deleted"
    );
    let rest = world
        .kate
        .lists_inbox(&format!("limit=10&starting_after={}", expected[19]))
        .await
        .is(200);
    assert_eq!(
        (rest.ids().len(), &rest.json()["has_more"]),
        (10, &json!(false))
    );
}

#[tokio::test]
async fn a_page_without_messages_fails_if_its_stale_entries_cannot_be_deleted() {
    let world = World::active().await;
    let conversation = ConversationId::random();
    let id = |number: u64| MessageId::new(Micros(1_000_000 * number), conversation);
    let stale: Vec<_> = (1..=300).map(id).collect();
    import_inbox(&world, &stale, &world.kate);
    let proxy = Proxy::start(world.engine()).await;
    let kate = world
        .kate
        .at(&world.host().proxy(proxy.url()).start().await);
    // Of 200 entries, at most 25 a call: 100 in one step, 100 in the next.
    proxy.inject("BatchWriteItem", 8, Fault::Error("AccessDeniedException"));
    let empty = kate.lists_inbox("limit=99").await;
    empty.fails(500, "internal", ());
    assert!(proxy.is_done());
    let newest = world.kevin.sends("hello").await;
    proxy.inject("BatchWriteItem", 8, Fault::Error("AccessDeniedException"));
    let page = kate.lists_inbox("limit=100").await.is(200);
    assert_eq!(
        (page.ids(), &page.json()["has_more"]),
        (vec![newest], &json!(true))
    );
    assert!(proxy.is_done());
}

#[tokio::test]
async fn a_deleted_token_returns_401() {
    let world = World::new().await;
    world.kevin.lists_messages("").await.is(200);
    let hash = shared::caller::Caller::with_token(&world.kevin.token)
        .token_hash()
        .to_owned();
    world.delete_item("TokensTable", &[("token_hash", string(&hash))]);
    world
        .kevin
        .lists_messages("")
        .await
        .fails(401, "token_invalid", ());
}

fn string(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn created_at(id: &str) -> AttributeValue {
    let id: shared::id::MessageId = id.parse().unwrap();
    AttributeValue::N(id.created_at().0.to_string())
}
