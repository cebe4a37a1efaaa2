//! `cargo ops conversation …`

use serde_json::{Value, json};
use shared::caller::Caller;
use shared::id::{ConversationId, MessageId};

use crate::harness::{World, error, ops, string};

#[tokio::test]
async fn list_and_show_print_conversations_with_their_participants() {
    let world = World::new().await;
    let pair = world.create_conversation("ann", &["bob"], None).await;
    let list = ops(&world.data, &["conversation", "list"]);
    let mut lines: Vec<Vec<_>> = list
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    lines.sort_unstable_by_key(|fields| fields[2].to_owned());
    let (house, pair) = (world.house.to_string(), pair.to_string());
    assert_eq!(lines.len(), 2, "without the items of pairs: {list}");
    assert_eq!(lines[0][..3], [&pair, "", "2"]);
    assert_eq!(lines[1][..3], [&house, "house", "3"]);
    let shown = ops(&world.data, &["conversation", "show", &house]);
    for name in ["ann", "bob", "cat"] {
        assert!(
            shown.contains(&format!("{} {name}", world.id(name))),
            "{shown}"
        );
    }
    for value in [&house, "house", lines[1][3]] {
        assert!(shown.contains(value), "{shown}");
    }
    for unknown in [ConversationId::random().to_string(), "house".to_owned()] {
        assert!(error(&world.data, &["conversation", "show", &unknown]).contains(&unknown));
        assert!(error(&world.data, &["conversation", "export", &unknown]).contains(&unknown));
    }
}

#[tokio::test]
async fn an_export_has_all_messages_oldest_first_in_the_format_of_the_api() {
    let world = World::new().await;
    let first = world.create_message("bob", world.house, "two\nlines").await;
    world.react("cat", first, "heart").await;
    let mut expected = vec![first];
    // More messages than one query returns.
    for number in 1..=1100 {
        let created_at = shared::time::Micros(first.created_at().0 + 7 * number);
        expected.push(MessageId::new(created_at, world.house));
        let item = json!({
            "conversation_id": string(world.house),
            "created_at": { "N": created_at.0.to_string() },
            "contact_id": string(world.id("ann")),
            "message": string(format_args!("number {number}")),
            "version": { "N": "1" },
        });
        world.put_item("MessagesTable", &item);
    }
    let house = world.house.to_string();
    let export = ops(&world.data, &["conversation", "export", &house]);
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<_> = lines.iter().map(|line| line["id"].clone()).collect();
    let expected: Vec<_> = expected.iter().map(|id| json!(id)).collect();
    assert_eq!(ids, expected);
    let message = world
        .store
        .get_message(&Caller::with_token("ann"), first)
        .await;
    assert_eq!(lines[0], serde_json::to_value(message.unwrap()).unwrap());
    assert_eq!(lines[0]["reactions"], json!([{ "heart": ["cat"] }]));
    let file = world.data.with_file_name("house.jsonl");
    let name = file.to_str().unwrap();
    let output = ops(
        &world.data,
        &["conversation", "export", &house, "--output", name],
    );
    assert_eq!(output, "");
    assert_eq!(std::fs::read_to_string(file).unwrap().trim_end(), export);
}

#[tokio::test]
async fn an_export_to_an_unwritable_file_fails_with_its_path() {
    let world = World::new().await;
    let house = world.house.to_string();
    let export = ["conversation", "export", &house, "--output", "/none/such"];
    assert!(error(&world.data, &export).contains("/none/such"));
    let empty = ops(&world.data, &["conversation", "export", &house]);
    assert_eq!(empty, "", "the conversation has no messages");
}
