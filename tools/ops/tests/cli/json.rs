//! `--json` of the commands that read.

use serde_json::{Value, json};
use shared::caller::Caller;
use shared::id::ConversationId;

use crate::harness::{World, ops, run, string};

/// Runs a command with `--json`; returns the object of each line.
fn objects(world: &World, arguments: &[&str]) -> Vec<Value> {
    let output = ops(&world.data, &[arguments, &["--json"]].concat());
    let lines = output.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Like [`objects`], of a command that prints one.
fn object(world: &World, arguments: &[&str]) -> Value {
    let mut objects = objects(world, arguments);
    assert_eq!(objects.len(), 1, "{objects:?}");
    objects.remove(0)
}

#[tokio::test]
async fn contacts_and_tokens_are_those_of_the_api() {
    let world = World::new().await;
    let ann = Caller::with_token("ann");
    let me = world.store.get_me(&ann).await.unwrap();
    let expected = json!(me.contact);
    assert_eq!(object(&world, &["contact", "show", "ann"]), expected);
    let list = objects(&world, &["contact", "list"]);
    assert_eq!(list.len(), 3);
    assert!(list.contains(&expected), "{list:?}");

    let limit = shared::page::Limit::default();
    let tokens = world.store.list_tokens(&ann, None, limit).await.unwrap();
    assert_eq!(
        objects(&world, &["token", "list", "ann"]),
        [json!(tokens.data[0])]
    );
}

#[tokio::test]
async fn a_conversation_has_its_participants() {
    let world = World::new().await;
    let pair = world.create_conversation("ann", &["bob"], None).await;
    let mut list = objects(&world, &["conversation", "list"]);
    assert_eq!(list.len(), 2);
    let of = |id: ConversationId| {
        list.iter()
            .position(|each| each["id"] == json!(id))
            .unwrap()
    };
    let house = list.swap_remove(of(world.house));
    let pair_listed = &list[0];
    assert_eq!(pair_listed["id"], json!(pair));
    assert_eq!(pair_listed["name"], Value::Null);
    assert_eq!(house["name"], "house");
    assert_eq!(house["creator"], json!(world.id("ann")));
    assert_eq!(house["closed_by"], Value::Null);
    assert_eq!(house["participants"].as_array().unwrap().len(), 3);

    let mut shown = object(&world, &["conversation", "show", &world.house.to_string()]);
    let contacts = shown.as_object_mut().unwrap().remove("contacts").unwrap();
    assert_eq!(shown, house);
    let ids: Vec<_> = contacts
        .as_array()
        .unwrap()
        .iter()
        .map(|each| &each["id"])
        .collect();
    assert_eq!(json!(ids), house["participants"]);
    let ann = object(&world, &["contact", "show", "ann"]);
    assert!(contacts.as_array().unwrap().contains(&ann), "{contacts}");
}

#[tokio::test]
async fn a_username_has_a_status() {
    let world = World::new().await;
    let ann = world.id("ann");
    let given_up = json!({
        "id": string("@annie"),
        "contact_id": string(ann),
        "released_at": { "N": "1795527466000000" },
    });
    world.put_item("ContactsTable", &given_up);
    ops(&world.data, &["contact", "erase", "bob", "--yes"]);
    for (username, status, contact_id, available_at) in [
        ("ann", "taken", json!(ann), Value::Null),
        ("annie", "given_up", json!(ann), json!(1_798_119_466)),
        ("bob", "erased", Value::Null, Value::Null),
        ("dan", "free", Value::Null, Value::Null),
    ] {
        let expected =
            json!({"status": status, "contact_id": contact_id, "available_at": available_at});
        assert_eq!(object(&world, &["username", "show", username]), expected);
    }
}

#[tokio::test]
async fn doctor_counts_items_and_names_the_inconsistent_ones() {
    let world = World::new().await;
    let report = object(&world, &["doctor"]);
    // Of each contact, and of its username.
    assert_eq!(report["tables"]["contacts"], 6);
    assert_eq!(report["inconsistencies"], json!({}));

    world.delete_item(
        "MembershipsTable",
        &json!({
            "contact_id": string(world.id("cat")),
            "conversation_id": string(world.house),
        }),
    );
    let output = run(&world.data, &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["inconsistencies"]["participants without membership"]
        .as_array()
        .unwrap();
    assert_eq!(found.len(), 1, "{report}");
    assert!(
        found[0]
            .as_str()
            .unwrap()
            .contains(&world.house.to_string()),
        "{report}"
    );
    assert_eq!(
        run(&world.data, &["doctor", "--json", "--repair"])
            .status
            .code(),
        Some(2)
    );
}
