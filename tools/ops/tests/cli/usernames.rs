//! `cargo ops username …`

use serde_json::json;

use crate::harness::{World, error, ops, string};

#[tokio::test]
async fn the_username_of_an_erased_contact_is_taken_until_it_is_freed() {
    let world = World::new().await;
    let show = || ops(&world.data, &["username", "show", "Ann"]);
    let ann = world.id("ann");
    assert_eq!(show(), format!("taken by {ann}"));
    assert_eq!(ops(&world.data, &["username", "show", "dan"]), "free");
    ops(&world.data, &["contact", "erase", "ann", "--yes"]);
    assert_eq!(show(), "taken for good: its contact was erased");
    let refused = error(&world.data, &["contact", "add", "ANN"]);
    assert!(refused.contains("its contact was erased"), "{refused}");
    let refused = error(&world.data, &["username", "free", "ann"]);
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(ops(&world.data, &["username", "free", "ANN", "--yes"]), "");
    assert_eq!(show(), "free");
    let again = ops(&world.data, &["contact", "add", "ann"]);
    assert_eq!(show(), format!("taken by {again}"));
}

#[tokio::test]
async fn a_username_that_was_given_up_is_shown_and_can_be_freed() {
    let world = World::new().await;
    let ann = world.id("ann");
    // As `PUT /v1/me` leaves it.
    let given_up = json!({
        "id": string("@annie"),
        "contact_id": string(ann),
        "released_at": { "N": "1795527466000000" },
    });
    world.put_item("ContactsTable", &given_up);
    let expected = format!("given up by {ann}, free for others from 2026-12-24T13:37:46Z");
    assert_eq!(ops(&world.data, &["username", "show", "annie"]), expected);
    let doctor = ops(&world.data, &["doctor"]);
    assert!(doctor.ends_with("no inconsistencies"), "{doctor}");
    ops(&world.data, &["username", "free", "annie", "--yes"]);
    assert_eq!(ops(&world.data, &["username", "show", "annie"]), "free");
}

#[tokio::test]
async fn a_username_that_is_free_or_in_use_cannot_be_freed() {
    let world = World::new().await;
    let in_use = error(&world.data, &["username", "free", "bob", "--yes"]);
    assert!(
        in_use.contains(&format!("taken by {}", world.id("bob"))),
        "{in_use}"
    );
    let free = error(&world.data, &["username", "free", "dan", "--yes"]);
    assert!(free.contains("dan is free"), "{free}");
    assert!(error(&world.data, &["username", "show", "no spaces"]).contains("3 to 32"));
}
