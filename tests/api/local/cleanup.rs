//! What is left in the store, and what becomes of leftovers.

use dynoxide::types::AttributeValue;
use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn nothing_of_a_deleted_message_is_left_in_the_store() {
    let world = World::new().await;
    let id = world.kevin.sends("oops").await;
    world.kate.reacts(&id, "heart").await.is(200);
    world.kevin.deletes(&id).await.is(204);
    for table in ["MessagesTable", "InboxTable"] {
        let request = serde_json::from_value(serde_json::json!({ "TableName": table })).unwrap();
        let scan = world.engine().database().scan(request).unwrap();
        assert_eq!(serde_json::to_value(scan).unwrap()["Count"], 0, "{table}");
    }
}

#[tokio::test]
async fn a_list_skips_what_is_gone_and_fills_the_page_up() {
    let world = World::new().await;
    let left = world.conversation_of(&[&world.kevin, &world.kate]).await;
    let mut expected = Vec::new();
    for number in 0..30 {
        let id = world.kevin.sends("stays").await;
        let orphan = world.kevin.sends("its message gets lost").await;
        world.removes(
            "MessagesTable",
            &[
                ("conversation_id", string(&world.conversation)),
                ("created_at", created_at(&orphan)),
            ],
        );
        world
            .kevin
            .within(left)
            .sends("in a conversation that Kate leaves")
            .await;
        if number >= 10 {
            expected.insert(0, id);
        }
    }
    world.removes("ConversationsTable", &[("id", string(&left))]);
    world.removes(
        "MembershipsTable",
        &[
            ("contact_id", string(&world.kevin.id)),
            ("conversation_id", string(&left)),
        ],
    );
    world.begins(left, &[&world.kevin]).await;
    let page = world.kate.lists_all("limit=20").await.is(200);
    assert_eq!(page.ids(), expected);
    assert_eq!(page.json()["has_more"], true);
    assert!(page.cost().calls <= 15, "not one by one: {:?}", page.cost());
    let again = world.kate.lists_all("limit=20").await.is(200);
    assert_eq!(again.ids(), expected);
    assert!(
        again.cost().calls < page.cost().calls,
        "what it met is gone"
    );
    let rest = world
        .kate
        .lists_all(&format!("limit=10&starting_after={}", expected[19]))
        .await
        .is(200);
    assert_eq!(
        (rest.ids().len(), &rest.json()["has_more"]),
        (10, &json!(false))
    );
}

#[tokio::test]
async fn a_revoked_token_is_good_no_more() {
    let world = World::new().await;
    world.kevin.lists("").await.is(200);
    let hash = shared::caller::Caller::with_token(&world.kevin.token)
        .token_hash()
        .to_owned();
    world.removes("TokensTable", &[("token_hash", string(&hash))]);
    world.kevin.lists("").await.fails(401, "token_invalid", ());
}

fn string(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn created_at(id: &str) -> AttributeValue {
    let id: shared::id::MessageId = id.parse().unwrap();
    AttributeValue::N(id.created_at().0.to_string())
}
