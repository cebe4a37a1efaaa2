//! `PUT /v1/messages/:id`

use serde_json::{Value, json};

use crate::harness::{Json, World};

#[tokio::test]
async fn an_edit_keeps_reactions_and_read_at() {
    let world = World::new().await;
    let id = world.kevin.sends("helo").await;
    world.kate.reacts(&id, "heart").await.is(200);
    let read = world
        .kate
        .updates_message(&id, "read=true")
        .await
        .is(200)
        .json();
    let edited = world
        .kevin
        .updates_message(&id, "message=hello")
        .await
        .is(200)
        .json();
    assert_eq!(
        edited["reactions"],
        json!([{"heart": [world.kate.username]}])
    );
    assert_eq!(edited["read_at"], read["read_at"]);
    assert_eq!(edited["created_at"], read["created_at"]);
}

#[tokio::test]
async fn an_edit_by_another_participant_returns_403() {
    let world = World::new().await;
    let id = world.kevin.sends("mine").await;
    world
        .kate
        .updates_message(&id, "message=hers")
        .await
        .fails(403, "not_the_author", "message");
    let both = format!("message=hers&reactions[heart][]={}", world.kate.username);
    world
        .kate
        .updates_message(&id, both)
        .await
        .fails(403, "not_the_author", "message");
    let message = world.kevin.gets_message(&id).await.json();
    assert_eq!(
        (&message["message"], &message["reactions"]),
        (&json!("mine"), &json!([]))
    );
}

#[tokio::test]
async fn reactions_are_sorted_by_emoji_and_username() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    for (person, emoji) in [
        (&world.linnie, "heart"),
        (&world.kate, "heart"),
        (&world.kevin, "%2B1"),
        (&world.kate, "👍🏽"),
    ] {
        person.reacts(&id, emoji).await.is(200);
    }
    let mut hearts = [&world.kate.username, &world.linnie.username];
    hearts.sort();
    let expected =
        json!([{"+1": [world.kevin.username]}, {"heart": hearts}, {"👍🏽": [world.kate.username]}]);
    assert_eq!(
        world.kevin.gets_message(&id).await.json()["reactions"],
        expected
    );
}

#[tokio::test]
async fn removing_a_reaction_keeps_those_of_others() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world.kate.reacts(&id, "heart").await.is(200);
    world.linnie.reacts(&id, "heart").await.is(200);
    let left = world
        .kate
        .updates_message(&id, "reactions[heart]=")
        .await
        .is(200)
        .json();
    assert_eq!(
        left["reactions"],
        json!([{"heart": [world.linnie.username]}])
    );
    assert_eq!(
        world
            .kate
            .updates_message(&id, "reactions[heart]=")
            .await
            .is(200)
            .json(),
        left
    );
    let none = world
        .linnie
        .updates_message(&id, Json(json!({"reactions": {"heart": []}})))
        .await
        .is(200)
        .json();
    assert_eq!(none["reactions"], json!([]));
}

#[tokio::test]
async fn one_request_can_add_and_remove_reactions_and_mark_as_read() {
    let world = World::new().await;
    let (kate, id) = (&world.kate, world.kevin.sends("hello").await);
    kate.reacts(&id, "heart").await.is(200);
    let change = json!({"reactions": [{"joy": [kate.username]}, {"heart": []}], "read": true});
    let changed = kate.updates_message(&id, Json(change)).await.is(200).json();
    assert_eq!(changed["reactions"], json!([{"joy": [kate.username]}]));
    assert!(changed["read_at"].is_u64());
}

#[tokio::test]
async fn a_reaction_as_another_contact_returns_403_and_changes_nothing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let (kate, linnie) = (&world.kate.username, &world.linnie.username);
    for (form, param) in [
        (format!("reactions[heart][]={linnie}"), "reactions[heart][]"),
        (
            format!("reactions[joy][]={kate}&reactions[heart][]={linnie}"),
            "reactions[heart][]",
        ),
        (
            format!("reactions[heart][]={kate}&reactions[heart][]={linnie}"),
            "reactions[heart][]",
        ),
        (
            "reactions[heart][]=nobody.at.all".to_owned(),
            "reactions[heart][]",
        ),
    ] {
        world
            .kate
            .updates_message(&id, form)
            .await
            .fails(403, "not_yourself", param);
    }
    let message = world.kevin.gets_message(&id).await.json();
    assert_eq!(
        (&message["reactions"], &message["updated_at"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test]
async fn a_reaction_with_thousands_of_usernames_returns_403() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let mut names: Vec<_> = (0..10_000).map(|number| format!("name{number}")).collect();
    names.insert(0, world.kate.username.clone());
    let change = Json(json!({"reactions": {"heart": names}}));
    let response = world.kate.updates_message(&id, change).await;
    response.fails(403, "not_yourself", "reactions[heart][]");
}

#[tokio::test]
async fn the_username_of_a_reaction_is_case_insensitive() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let form = format!("reactions[heart][]={}", world.kate.username.to_uppercase());
    let changed = world.kate.updates_message(&id, form).await.is(200).json();
    assert_eq!(
        changed["reactions"],
        json!([{"heart": [world.kate.username]}])
    );
}

#[tokio::test]
async fn a_message_has_at_most_fifty_different_emoji() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let form = |range: std::ops::Range<u32>| {
        let one = |number| format!("reactions[e{number}][]={}", world.kate.username);
        range.map(one).collect::<Vec<_>>().join("&")
    };
    world.kate.updates_message(&id, form(0..51)).await.fails(
        400,
        "parameter_invalid",
        "reactions[e9][]",
    );
    let changed = world
        .kate
        .updates_message(&id, form(0..50))
        .await
        .is(200)
        .json();
    assert_eq!(changed["reactions"].as_array().unwrap().len(), 50);
    world.linnie.reacts(&id, "e7").await.is(200);
    let swap = format!("reactions[e8]=&reactions[e51][]={}", world.kate.username);
    world.kate.updates_message(&id, swap).await.is(200);
    world
        .linnie
        .reacts(&id, "e50")
        .await
        .fails(400, "parameter_invalid", "reactions[e50][]");
}

#[tokio::test]
async fn a_body_without_a_valid_change_returns_400() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world
        .kevin
        .updates_message(&id, "")
        .await
        .fails(400, "parameter_missing", ());
    world
        .kevin
        .updates_message(&id, Json(json!({})))
        .await
        .fails(400, "parameter_missing", ());
    world
        .kevin
        .updates_message(&id, "read=false")
        .await
        .fails(400, "parameter_invalid", "read");
    world
        .kevin
        .updates_message(&id, "attachments[]=x")
        .await
        .fails(400, "parameter_invalid", "attachments[]");
    world
        .kevin
        .updates_message(&id, "files[]=x")
        .await
        .fails(400, "parameter_unknown", "files");
}

#[tokio::test]
async fn an_update_without_effect_does_not_set_updated_at() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let same = world
        .kevin
        .updates_message(&id, "message=hello&reactions[heart]=")
        .await
        .is(200)
        .json();
    assert_eq!(same["updated_at"], Value::Null);
}

#[tokio::test]
async fn updating_a_deleted_message_returns_404() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world.kevin.deletes_message(&id).await.is(204);
    world
        .kevin
        .updates_message(&id, "message=again")
        .await
        .fails(404, "message_not_found", "id");
    world
        .kate
        .reacts(&id, "heart")
        .await
        .fails(404, "message_not_found", "id");
    assert!(world.kevin.lists_messages("").await.ids().is_empty());
}
