//! What each operation asks of DynamoDB: calls, sequential round trips and capacity units.
//!
//! By the documented rules: a strongly consistent read is 1 unit per 4 KB, a write 1 per KB, twice
//! that in a transaction. Here every item is below 1 KB, and the conversation has three participants.

use dynoxide::ImportOptions;
use dynoxide::types::{AttributeValue, Item};
use shared::id::{ContactId, ConversationId, MessageId};
use shared::time::Micros;

use crate::harness::{Cost, Json, Person, World};

#[tokio::test]
async fn each_operation_costs_what_the_design_says() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let first = kevin.tries_to_send("first").await.is(201).cost();
    let second = kevin.tries_to_send("second").await.is(201);
    let id = second.json()["id"].as_str().unwrap().to_owned();
    // token, conversation, newest key, sender: 1 each; message and three inbox entries: 2 each
    let send = Cost {
        calls: 5,
        round_trips: 2,
        capacity_units: 4.0 + 8.0,
    };
    assert_eq!(second.cost(), send);
    assert_eq!(
        (first.calls, first.round_trips),
        (send.calls, send.round_trips)
    );
    // token, message, conversation, contact
    assert_eq!(
        kevin.reads(&id).await.is(200).cost(),
        Cost {
            calls: 3,
            round_trips: 2,
            capacity_units: 4.0
        }
    );
    // token, conversation, query, contact
    assert_eq!(
        kevin.lists("").await.is(200).cost(),
        Cost {
            calls: 4,
            round_trips: 2,
            capacity_units: 4.0
        }
    );
    // token, inbox, two messages, conversation, contact
    assert_eq!(
        kevin.lists_all("").await.is(200).cost(),
        Cost {
            calls: 4,
            round_trips: 4,
            capacity_units: 6.0
        }
    );
    // token, message, conversation, username, update, author and reacting contact
    let react = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        react,
        Cost {
            calls: 4,
            round_trips: 2,
            capacity_units: 7.0
        }
    );
    // token, message, conversation, username, both contacts: nothing to write
    let again = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        again,
        Cost {
            calls: 3,
            round_trips: 2,
            capacity_units: 6.0
        }
    );
    // token, message, conversation; message and three inbox entries: 2 each
    assert_eq!(
        kevin.deletes(&id).await.is(204).cost(),
        Cost {
            calls: 3,
            round_trips: 2,
            capacity_units: 3.0 + 8.0
        }
    );
}

#[tokio::test]
async fn a_page_of_ten_short_messages_costs_what_the_readme_says() {
    let world = World::new().await;
    for _ in 0..10 {
        world.kevin.sends("hello").await;
    }
    // token, conversation, query, contact
    let page = world.kate.lists("").await.is(200).cost();
    assert_eq!(
        page,
        Cost {
            calls: 4,
            round_trips: 2,
            capacity_units: 4.0
        }
    );
    // token, inbox, ten messages, conversation, contact
    let page = world.kate.lists_all("").await.is(200).cost();
    assert_eq!(
        page,
        Cost {
            calls: 4,
            round_trips: 4,
            capacity_units: 14.0
        }
    );
}

#[tokio::test]
async fn a_refusal_costs_one_round_trip_and_writes_nothing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    assert_eq!(world.nobody.reads(&id).await.is(401).cost().calls, 0);
    for answer in [
        world.buzz.reads(&id).await,
        world.buzz.deletes(&id).await,
        world.kate.deletes(&id).await,
        world.kate.changes(&id, "message=hers").await,
        world
            .buzz
            .within(world.conversation)
            .tries_to_send("hi")
            .await,
        world.buzz.within(world.conversation).lists("").await,
        world.kevin.lists("limit=0").await,
    ] {
        assert!(answer.status.is_client_error());
        assert_eq!(answer.cost().round_trips, 1, "{answer:?}");
    }
}

#[tokio::test]
async fn thousands_of_usernames_cost_what_one_does() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let names: Vec<_> = (0..10_000).map(|number| format!("name{number}")).collect();
    let change = Json(serde_json::json!({"reactions": {"heart": names}}));
    let cost = world.kate.changes(&id, change).await.is(403).cost();
    assert_eq!((cost.calls, cost.round_trips), (2, 1));
    assert!(cost.capacity_units <= 5.0, "{cost:?}");
}

/// What the first page, a deep page and a get cost.
async fn costs(person: &Person, everything: bool, deep: MessageId) -> Vec<Cost> {
    let deep_page = format!("starting_after={deep}");
    let newer_page = format!("ending_before={deep}");
    let mut costs = Vec::new();
    for query in ["", &deep_page, &newer_page] {
        let page = if everything {
            person.lists_all(query).await
        } else {
            person.lists(query).await
        };
        let page = page.is(200);
        assert_eq!(page.ids().len(), 10);
        costs.push(page.cost());
    }
    costs.push(person.reads(&deep.to_string()).await.is(200).cost());
    costs
}

#[tokio::test]
async fn a_hundred_thousand_messages_cost_what_a_hundred_do() {
    let world = World::new().await;
    let mut measured = Vec::new();
    for size in [100, 100_000] {
        let conversation = world.conversation_of(&[&world.kevin, &world.kate]).await;
        let id = |number: u64| MessageId::new(Micros(1_000_000 * number), conversation);
        import_messages(&world, (1..=size).map(id), world.kevin.id);
        measured.push(costs(&world.kevin.within(conversation), false, id(size / 2)).await);
    }
    assert_eq!(measured[0], measured[1]);
}

#[tokio::test]
async fn ten_thousand_conversations_cost_what_a_hundred_do() {
    let world = World::new().await;
    let mut measured = Vec::new();
    for (size, reader) in [
        (100, world.newcomer("few").await),
        (10_000, world.newcomer("many").await),
    ] {
        // One message in each: every item of a page is in a conversation of its own.
        let ids: Vec<_> = (1..=size)
            .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
            .collect();
        import_messages(&world, ids.iter().copied(), world.kevin.id);
        import(
            &world,
            "InboxTable",
            ids.iter()
                .map(|id| [("contact_id", s(&reader.id)), ("message_id", s(id))].into()),
        );
        import(
            &world,
            "ConversationsTable",
            ids.iter().map(|id| {
                let participants =
                    AttributeValue::SS(vec![reader.id.to_string(), world.kevin.id.to_string()]);
                [
                    ("id", s(&id.conversation())),
                    ("participants", participants),
                    ("created_at", n(1)),
                ]
                .into()
            }),
        );
        let deep = ids[ids.len() / 2];
        measured.push(costs(&reader, true, deep).await);
    }
    assert_eq!(measured[0], measured[1]);
}

/// Puts messages into the engine without sending them.
fn import_messages(world: &World, ids: impl Iterator<Item = MessageId>, author: ContactId) {
    import(
        world,
        "MessagesTable",
        ids.map(|id| {
            [
                ("conversation_id", s(&id.conversation())),
                ("created_at", n(id.created_at().0)),
                ("contact_id", s(&author)),
                ("message", s(&"hello")),
                ("version", n(1)),
            ]
            .into()
        }),
    );
}

fn import<'a>(
    world: &World,
    table: &str,
    items: impl Iterator<Item = std::collections::HashMap<&'a str, AttributeValue>>,
) {
    let items: Vec<Item> = items
        .map(|item| {
            item.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        })
        .collect();
    let count = items.len();
    let result = world
        .engine()
        .database()
        .import_items(table, items, ImportOptions::default())
        .unwrap();
    assert_eq!(result.items_imported, count);
}

fn s(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
