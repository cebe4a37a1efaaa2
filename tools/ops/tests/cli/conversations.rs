//! `cargo ops conversation …`

use std::collections::BTreeSet;

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
async fn the_conversations_of_a_contact_are_those_in_which_it_participates() {
    let world = World::new().await;
    let pair = world.create_conversation("ann", &["bob"], None).await;
    let listed = |who: &str| {
        let list = ops(&world.data, &["conversation", "list", "--contact", who]);
        let ids = list.lines().map(|line| line.split('\t').next().unwrap());
        ids.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (house, pair) = (world.house.to_string(), pair.to_string());
    assert_eq!(listed("ann"), BTreeSet::from([house.clone(), pair]));
    assert_eq!(
        listed(&world.id("cat").to_string()),
        BTreeSet::from([house.clone()])
    );
    world.leave("bob", world.house).await;
    assert!(!listed("bob").contains(&house));
    assert!(error(&world.data, &["conversation", "list", "--contact", "dan"]).contains("dan"));
}

#[tokio::test]
async fn an_export_has_all_messages_oldest_first_in_the_format_of_the_api() {
    let world = World::new().await;
    let first = world.create_message("bob", world.house, "two\nlines").await;
    world.react("cat", first, "heart").await;
    world.mark_read("cat", first).await;
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
    let mut message = serde_json::to_value(message.unwrap()).unwrap();
    message["edits"] = json!([]);
    assert_eq!(lines[0], message);
    assert_eq!(lines[0]["reactions"], json!([{ "heart": ["cat"] }]));
    assert!(lines[0]["read_at"].is_u64());
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
async fn an_export_brings_the_files_of_attachments() {
    let world = World::new().await;
    let message = world.create_message("ann", world.house, "Look").await;
    let ids = [
        world.add_file("ann", message).await,
        world.add_file("ann", message).await,
    ];
    let of_other = world.create_message("bob", world.house, "Look").await;
    let lost = world.add_file("bob", of_other).await;
    std::fs::remove_file(world.file(lost)).unwrap();
    world.create_attachment("ann", world.house).await;
    let house = world.house.to_string();
    let directory = world.data.with_file_name("exported");
    let arguments = ["conversation", "export", &house, "--files"];
    let arguments = [&arguments[..], &[directory.to_str().unwrap()]].concat();
    for _ in 0..2 {
        let output = crate::harness::run(&world.data, &arguments);
        assert!(output.status.success());
        let warning = String::from_utf8(output.stderr).unwrap();
        assert!(warning.contains(&format!("warning: {lost}")), "{warning}");
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().count(), 2);
        for id in ids {
            let file = directory.join(id.to_string()).join("house.jpg");
            assert_eq!(std::fs::read(file).unwrap(), b"x");
        }
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
    }
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
