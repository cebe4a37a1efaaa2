//! The DynamoDB cost of each operation: calls, sequential round trips and capacity units.
//!
//! By the documented rules, a strongly consistent read costs 1 unit per 4 KB and a write 1 per KB, twice that in a
//! transaction. Here every item is smaller than 1 KB, and the conversation has three participants.
//!
//! Comments list the items that an operation reads and writes; most separate round trips with semicolons.

use dynoxide::ImportOptions;
use dynoxide::types::{AttributeValue, Item};
use shared::id::{ContactId, ConversationId, MessageId};
use shared::time::Micros;

use crate::harness::{Cost, Json, Person, World};

#[tokio::test]
async fn each_operation_on_messages_has_the_documented_cost() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let first = kevin.tries_to_send("first").await.is(201).cost();
    let second = kevin.tries_to_send("second").await.is(201);
    let id = second.json()["id"].as_str().unwrap().to_owned();
    // token, conversation, newest key, sender: 1 each; message and three inbox entries: 2 each; three updates of a
    // list position, 3 each: the membership, and one delete and one put in its index
    let send = Cost {
        calls: 7,
        round_trips: 3,
        capacity_units: 4.0 + 8.0 + 9.0,
    };
    assert_eq!(second.cost(), send);
    assert_eq!(
        (first.calls, first.round_trips),
        (send.calls, send.round_trips)
    );
    // the same, and the idempotency key: 2, as part of the transaction
    let with_key = kevin.sends_with_key("key", "third").await.is(201).cost();
    assert_eq!(with_key, cost(7, 3, send.capacity_units + 2.0));
    // token, conversation, newest key; a canceled transaction, for which DynamoDB reports no units, and the
    // sender; the idempotency key; the message; contact, and three updates of list positions that are up to date:
    // the index does not change
    let replayed = kevin.sends_with_key("key", "third").await.is(201).cost();
    assert_eq!(replayed, cost(10, 5, 3.0 + 1.0 + 1.0 + 1.0 + 1.0 + 3.0));
    // token, message, conversation; contact, which later requests read in the first round trip
    let get = async || kevin.gets_message(&id).await.is(200).cost();
    assert_eq!(get().await, cost(2, 2, 4.0));
    assert_eq!(get().await, cost(1, 1, 4.0));
    // token, conversation; query; contact, which later requests read in the first round trip
    let list = async || kevin.lists_messages("").await.is(200).cost();
    assert_eq!(list().await, cost(3, 2, 4.0));
    assert_eq!(list().await, cost(2, 1, 4.0));
    // token, inbox, three messages, conversation, contact
    assert_eq!(
        kevin.lists_inbox("").await.is(200).cost(),
        Cost {
            calls: 4,
            round_trips: 4,
            capacity_units: 7.0
        }
    );
    // token, message, conversation, username, update, author and reacting contact
    let react = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        react,
        Cost {
            calls: 3,
            round_trips: 2,
            capacity_units: 7.0
        }
    );
    // token, message, conversation, username, both contacts: nothing to write
    let repeated = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        repeated,
        Cost {
            calls: 2,
            round_trips: 2,
            capacity_units: 6.0
        }
    );
    // token, message, conversation; message and three inbox entries: 2 each
    assert_eq!(
        kevin.deletes_message(&id).await.is(204).cost(),
        Cost {
            calls: 2,
            round_trips: 2,
            capacity_units: 3.0 + 8.0
        }
    );
}

fn cost(calls: u64, round_trips: u64, capacity_units: f64) -> Cost {
    Cost {
        calls,
        round_trips,
        capacity_units,
    }
}

#[tokio::test]
async fn the_two_senders_displayed_last_are_read_ahead_even_if_only_one_is_needed() {
    let world = World::active().await;
    let ids = [
        world.kevin.sends("1").await,
        world.kate.sends("2").await,
        world.linnie.sends("3").await,
    ];
    let get = async |index: usize| world.kevin.gets_message(&ids[index]).await.is(200).cost();
    assert_eq!(get(0).await, cost(2, 2, 4.0));
    // reads Kevin ahead, who is not needed
    assert_eq!(get(1).await, cost(2, 2, 5.0));
    // reads both ahead, one of whom is needed
    for index in [0, 1, 0] {
        assert_eq!(get(index).await, cost(1, 1, 5.0));
    }
    // reads both ahead, neither of whom is needed
    assert_eq!(get(2).await, cost(2, 2, 6.0));
    // What is read ahead is not disclosed to a contact who is not a participant.
    world.buzz.gets_message(&ids[0]).await.is(404);
}

#[tokio::test]
async fn the_senders_of_a_page_are_read_ahead_if_there_are_at_most_ten() {
    let world = World::active().await;
    let crowd = world.crowd(11).await;
    for person in &crowd[..10] {
        person.sends("hello").await;
    }
    let list = async |limit: usize| {
        let page = crowd[0].lists_messages(&format!("limit={limit}")).await;
        page.is(200).cost()
    };
    list(1).await;
    let ten = list(10).await;
    assert_eq!(list(10).await, cost(2, 1, ten.capacity_units));
    crowd[10].sends("hello").await;
    let eleven = list(11).await;
    assert_eq!(eleven.round_trips, 2);
    assert_eq!(list(11).await.round_trips, 2);
    // token, conversation; query; one contact, and none read ahead
    assert_eq!(list(1).await, cost(3, 2, 4.0));
}

#[tokio::test]
async fn contacts_that_are_read_ahead_are_up_to_date() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    world.kate.gets_message(&id).await.is(200);
    world.kate.lists_messages("").await.is(200);
    let form = "phone_number=1-800-759-3000";
    world.kevin.puts("/v1/me", form).await.is(200);
    let read = world.kate.gets_message(&id).await.is(200);
    assert_eq!(read.cost().round_trips, 1);
    assert_eq!(read.json()["contact"]["phone_number"], "1-800-759-3000");
    let listed = world.kate.lists_messages("").await.is(200);
    assert_eq!(listed.cost().round_trips, 1);
    assert_eq!(listed.json()["data"][0], read.json());
}

#[tokio::test]
async fn each_operation_on_conversations_has_the_documented_cost() {
    let world = World::active().await;
    let others = [&world.kate, &world.linnie];
    // token, two usernames; conversation and three memberships: 2 each, and their index; three contacts
    let created = world
        .kevin
        .tries_to_create_conversation(&others, "name=Home")
        .await
        .is(201);
    assert_eq!(created.cost(), cost(4, 3, 3.0 + 8.0 + 3.0 + 3.0));
    let kevin = world
        .kevin
        .within(created.json()["id"].as_str().unwrap().parse().unwrap());
    let kate = world.kate.within(kevin.conversation);
    let message = kevin.sends("hello").await;
    // token, conversation, newest; membership; three contacts, one unread
    assert_eq!(
        kate.gets_conversation().await.is(200).cost(),
        cost(5, 3, 8.0)
    );
    // token, conversation, newest; membership; three contacts
    assert_eq!(
        kevin.gets_conversation().await.is(200).cost(),
        cost(4, 3, 7.0)
    );
    // token; two memberships; two conversations, the message, a list position without a message; one unread; the
    // newest message of the other conversation; three contacts
    let listed = kate.lists_conversations("").await.is(200);
    assert_eq!(listed.cost(), cost(6, 5, 1.0 + 1.0 + 4.0 + 1.0 + 1.0 + 3.0));
    // token, conversation, newest; membership; membership and its index; three contacts, one unread
    assert_eq!(
        kate.updates_conversation("is_muted=true")
            .await
            .is(200)
            .cost(),
        cost(6, 4, 3.0 + 1.0 + 2.0 + 4.0)
    );
    // the same, and the query of unread messages, the update of each, and the newest again; then none is unread
    let read = kate
        .updates_conversation(&format!("read_up_to={message}"))
        .await
        .is(200);
    assert_eq!(
        read.cost(),
        cost(8, 6, 3.0 + 1.0 + 1.0 + 1.0 + 2.0 + 1.0 + 3.0)
    );
    // token, conversation, newest; membership; conversation: 2; three contacts
    assert_eq!(
        kevin
            .updates_conversation("name=House")
            .await
            .is(200)
            .cost(),
        cost(5, 4, 3.0 + 1.0 + 2.0 + 3.0)
    );
    // token, conversation, newest, username; conversation and one membership: 2 each, and its index; membership;
    // four contacts
    assert_eq!(
        kevin.adds_participant(&world.buzz).await.is(200).cost(),
        cost(6, 3, 3.0 + 5.0 + 2.0 + 4.0)
    );
    // token, conversation; conversation and one membership: 2 each, and its index; both again; no message since;
    // the expiry of the membership
    assert_eq!(
        kevin.removes_participant(&world.buzz).await.is(204).cost(),
        cost(6, 5, 2.0 + 5.0 + 2.0 + 1.0 + 1.0)
    );
    // the same, and an inbox entry
    assert_eq!(
        kate.leaves_conversation().await.is(204).cost(),
        cost(7, 6, 2.0 + 5.0 + 2.0 + 1.0 + 1.0 + 1.0)
    );
}

#[tokio::test]
async fn each_operation_on_contacts_and_tokens_has_the_documented_cost() {
    let world = World::active().await;
    let kevin = &world.kevin;
    // token; membership; conversation; two contacts
    assert_eq!(
        kevin.gets("/v1/contacts").await.is(200).cost(),
        cost(4, 4, 1.0 + 1.0 + 1.0 + 2.0)
    );
    // token, contact; the caller's membership; the other contact's
    let path = format!("/v1/contacts/{}", world.kate.id);
    assert_eq!(kevin.gets(&path).await.is(200).cost(), cost(4, 3, 4.0));
    // token, username; contact, the caller's membership; the other contact's
    let path = format!("/v1/contacts?username={}", world.kate.username);
    assert_eq!(kevin.gets(&path).await.is(200).cost(), cost(5, 3, 5.0));
    // token; contact
    assert_eq!(kevin.gets("/v1/me").await.is(200).cost(), cost(2, 2, 2.0));
    // token; contact; contact: 2
    assert_eq!(
        kevin.puts("/v1/me", "phone_number=1").await.is(200).cost(),
        cost(3, 3, 2.0 + 2.0)
    );
    // token; contact; contact and both usernames: 2 each
    let form = format!("username=new.{}", kevin.id);
    assert_eq!(
        kevin.puts("/v1/me", form).await.is(200).cost(),
        cost(3, 3, 2.0 + 6.0)
    );
    // token; the token and its item in the list: 2 each
    let created = kevin.posts("/v1/tokens", "").await.is(201);
    assert_eq!(created.cost(), cost(2, 2, 1.0 + 4.0));
    // token; list
    assert_eq!(
        kevin.gets("/v1/tokens").await.is(200).cost(),
        cost(2, 2, 2.0)
    );
    // token; its item in the list; both: 2 each
    let path = format!("/v1/tokens/{}", created.json()["id"].as_str().unwrap());
    let revoked = kevin
        .requests(reqwest::Method::DELETE, &path, &[], ())
        .await
        .is(204);
    assert_eq!(revoked.cost(), cost(3, 3, 2.0 + 4.0));
}

#[tokio::test]
async fn listing_ten_thousand_conversations_costs_as_much_as_listing_ten() {
    let world = World::active().await;
    let mut measured = Vec::new();
    for (size, reader) in [
        (10, world.new_person("few").await),
        (10_000, world.new_person("many").await),
    ] {
        reader.gets("/v1/me").await.is(200);
        let ids: Vec<_> = (1..=size + 1)
            .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
            .collect();
        import_messages(&world, ids.iter().copied(), world.kevin.id);
        import_conversations(&world, &ids, &reader);
        import(
            &world,
            "MembershipsTable",
            ids.iter().map(|id| {
                [
                    ("contact_id", string(&reader.id)),
                    ("conversation_id", string(&id.conversation())),
                    ("place", string(&format!("o{id}"))),
                    ("joined_at", number(1)),
                ]
                .into()
            }),
        );
        let first = reader.lists_conversations("limit=5").await.is(200);
        assert_eq!(
            (first.ids().len(), &first.json()["has_more"]),
            (5, &true.into())
        );
        let middle = ids[ids.len() - 3].conversation();
        let deep = reader
            .lists_conversations(&format!("limit=5&starting_after={middle}"))
            .await
            .is(200);
        assert_eq!(deep.ids().len(), 5);
        measured.push([first.cost(), deep.cost()]);
    }
    assert_eq!(measured[0], measured[1]);
    // token; six memberships; six conversations and their messages, all unread; two contacts
    assert_eq!(measured[1][0], cost(10, 4, 1.0 + 1.0 + 12.0 + 6.0 + 2.0));
}

#[tokio::test]
async fn a_page_of_ten_short_messages_has_the_documented_cost() {
    let world = World::active().await;
    for _ in 0..10 {
        world.kevin.sends("hello").await;
    }
    // token, conversation; query; contact, which later requests read in the first round trip
    let list = async || world.kate.lists_messages("").await.is(200).cost();
    assert_eq!(list().await, cost(3, 2, 4.0));
    assert_eq!(list().await, cost(2, 1, 4.0));
    // token, inbox, ten messages, conversation, contact
    let page = world.kate.lists_inbox("").await.is(200).cost();
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
async fn a_refused_request_costs_one_round_trip_and_writes_nothing() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    assert_eq!(
        world.anonymous.gets_message(&id).await.is(401).cost().calls,
        0
    );
    for response in [
        world.buzz.gets_message(&id).await,
        world.buzz.deletes_message(&id).await,
        world.kate.deletes_message(&id).await,
        world.kate.updates_message(&id, "message=hers").await,
        world
            .buzz
            .within(world.conversation)
            .tries_to_send("hi")
            .await,
        world
            .buzz
            .within(world.conversation)
            .lists_messages("")
            .await,
        world.kevin.lists_messages("limit=0").await,
    ] {
        assert!(response.status.is_client_error());
        assert_eq!(response.cost().round_trips, 1, "{response:?}");
        assert_eq!(response.log_line()["write_units"], 0.0, "{response:?}");
    }
}

#[tokio::test]
async fn thousands_of_usernames_cost_as_much_as_one() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let names: Vec<_> = (0..10_000).map(|number| format!("name{number}")).collect();
    let change = Json(serde_json::json!({"reactions": {"heart": names}}));
    let cost = world.kate.updates_message(&id, change).await.is(403).cost();
    assert_eq!((cost.calls, cost.round_trips), (1, 1));
    assert!(cost.capacity_units <= 5.0, "{cost:?}");
}

/// Returns the costs of the first page, of the pages after and before a message, and of reading that message.
async fn read_costs(person: &Person, whole_inbox: bool, deep: MessageId) -> Vec<Cost> {
    let deep_page = format!("starting_after={deep}");
    let newer_page = format!("ending_before={deep}");
    let mut costs = Vec::new();
    for query in ["", &deep_page, &newer_page] {
        let page = if whole_inbox {
            person.lists_inbox(query).await
        } else {
            person.lists_messages(query).await
        };
        let page = page.is(200);
        assert_eq!(page.ids().len(), 10);
        costs.push(page.cost());
    }
    costs.push(person.gets_message(&deep.to_string()).await.is(200).cost());
    costs
}

/// `SCALE=1000000` also tests with a million messages.
#[tokio::test]
async fn the_cost_does_not_depend_on_the_number_of_messages() {
    let world = World::active().await;
    let scale = std::env::var("SCALE").map(|size| size.parse().expect("a number"));
    let mut measured = Vec::new();
    let sizes = api_tests::cases(&[100, 10_000][..], &[100, 10_000, 100_000]);
    for size in sizes.iter().copied().chain(scale) {
        let conversation = world.new_conversation(&[&world.kevin, &world.kate]).await;
        let id = |number: u64| MessageId::new(Micros(1_000_000 * number), conversation);
        import_messages(&world, (1..=size).map(id), world.kevin.id);
        let kevin = world.kevin.within(conversation);
        let mut costs = read_costs(&kevin, false, id(size / 2)).await;
        costs.push(kevin.tries_to_send("hello").await.is(201).cost());
        println!("{size} messages; page, deep page, newer page, get, send: {costs:?}");
        measured.push(costs);
    }
    // pages and reads after the first read their contact ahead; the send updates two list positions and puts two
    // inbox entries
    let expected = [
        cost(3, 2, 4.0),
        cost(2, 1, 4.0),
        cost(2, 1, 4.0),
        cost(2, 2, 4.0),
        cost(6, 3, 4.0 + 6.0 + 6.0),
    ];
    assert!(measured.iter().all(|costs| *costs == expected));
}

#[tokio::test]
async fn an_inbox_of_ten_thousand_conversations_costs_as_much_as_one_of_a_hundred() {
    let world = World::active().await;
    let mut measured = Vec::new();
    for (size, reader) in [
        (100, world.new_person("few").await),
        (10_000, world.new_person("many").await),
    ] {
        reader.gets("/v1/me").await.is(200);
        // One message in each: every item of a page is in a conversation of its own.
        let ids: Vec<_> = (1..=size)
            .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
            .collect();
        import_messages(&world, ids.iter().copied(), world.kevin.id);
        import(
            &world,
            "InboxTable",
            ids.iter().map(|id| {
                [
                    ("contact_id", string(&reader.id)),
                    ("message_id", string(id)),
                ]
                .into()
            }),
        );
        import_conversations(&world, &ids, &reader);
        let deep = ids[ids.len() / 2];
        measured.push(read_costs(&reader, true, deep).await);
    }
    assert_eq!(measured[0], measured[1]);
    // token; eleven entries; eleven messages and their conversations; one contact
    let page = cost(4, 4, 1.0 + 1.0 + 22.0 + 1.0);
    assert_eq!(measured[1][..3], [page, page, page]);
}

/// Puts a conversation of `reader` and Kevin for each of these messages directly into the table.
fn import_conversations(world: &World, ids: &[MessageId], reader: &Person) {
    import(
        world,
        "ConversationsTable",
        ids.iter().map(|id| {
            let participants =
                AttributeValue::SS(vec![reader.id.to_string(), world.kevin.id.to_string()]);
            [
                ("id", string(&id.conversation())),
                ("participants", participants),
                ("created_at", number(1)),
            ]
            .into()
        }),
    );
}

/// Puts messages directly into the table.
pub fn import_messages(world: &World, ids: impl Iterator<Item = MessageId>, author: ContactId) {
    import(
        world,
        "MessagesTable",
        ids.map(|id| {
            [
                ("conversation_id", string(&id.conversation())),
                ("created_at", number(id.created_at().0)),
                ("contact_id", string(&author)),
                ("message", string(&"hello")),
                ("version", number(1)),
            ]
            .into()
        }),
    );
}

/// Puts items directly into a table.
pub fn import<'a>(
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

pub fn string(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
