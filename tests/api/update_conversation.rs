//! `PUT /v1/conversations/:id`

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn read_up_to_marks_earlier_messages_of_others_as_read_once() {
    let world = World::new().await;
    let first = world.kevin.sends("1").await;
    let own = world.kate.sends("2").await;
    let second = world.linnie.sends("3").await;
    let later = world.kevin.sends("4").await;
    let read_at = async |id: &str| world.kevin.gets_message(id).await.json()["read_at"].clone();
    world
        .kate
        .updates_conversation(&format!("read_up_to={second}"))
        .await
        .is(200);
    let marked = read_at(&first).await;
    assert!(marked.is_u64());
    assert!(read_at(&second).await.is_u64());
    assert_eq!(
        read_at(&own).await,
        Value::Null,
        "the sender does not mark own messages as read"
    );
    assert_eq!(read_at(&later).await, Value::Null);
    let read = world
        .linnie
        .updates_conversation(&format!("read_up_to={later}"))
        .await
        .is(200)
        .json();
    assert!(read["last_message"]["read_at"].is_u64());
    assert_eq!(read_at(&first).await, marked);
    assert!(read_at(&own).await.is_u64());
    assert!(read_at(&later).await.is_u64());
    let foreign = world.buzz.sends("elsewhere").await;
    let response = world
        .kate
        .updates_conversation(&format!("read_up_to={foreign}"))
        .await;
    response.fails(400, "parameter_invalid", "read_up_to");
}

#[tokio::test]
async fn read_up_to_a_deleted_message_marks_those_before_it() {
    let world = World::new().await;
    let first = world.kevin.sends("1").await;
    let deleted = world.kevin.sends("2").await;
    let third = world.kevin.sends("3").await;
    world.kevin.deletes_message(&deleted).await.is(204);
    let read = format!("read_up_to={deleted}");
    let marked = world.kate.updates_conversation(&read).await.is(200).json();
    assert_eq!(marked["unread_count"], 1);
    assert_eq!(marked["last_message"]["read_at"], Value::Null);
    let read_at = async |id: &str| world.kevin.gets_message(id).await.json()["read_at"].clone();
    assert!(read_at(&first).await.is_u64());
    assert_eq!(read_at(&third).await, Value::Null);
    let before_all = format!("000000000{}", world.conversation);
    let read = format!("read_up_to={before_all}");
    let nothing = world.linnie.updates_conversation(&read).await.is(200);
    assert_eq!(nothing.json()["unread_count"], 2);
}

#[tokio::test]
async fn read_up_to_shows_on_the_message_wherever_it_is_returned() {
    let world = World::new().await;
    let sent = world.kevin.sends_with_key("key", "hello").await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let read = format!("read_up_to={id}");
    let marked = world.kate.updates_conversation(&read).await.is(200).json();
    let message = marked["last_message"].clone();
    assert!(message["read_at"].is_u64());
    assert_eq!(message["updated_at"], message["read_at"]);
    let kevin = &world.kevin;
    for other in [
        kevin.gets_message(&id).await.is(200).json(),
        kevin.lists_messages("").await.is(200).json()["data"][0].clone(),
        kevin.lists_inbox("").await.is(200).json()["data"][0].clone(),
        kevin.gets_conversation().await.is(200).json()["last_message"].clone(),
        kevin.lists_conversations("").await.is(200).json()["data"][0]["last_message"].clone(),
        kevin.sends_with_key("key", "hello").await.is(201).json(),
        kevin
            .updates_message(&id, "message=hello")
            .await
            .is(200)
            .json(),
        world
            .linnie
            .updates_message(&id, "read=true")
            .await
            .is(200)
            .json(),
    ] {
        assert_eq!(other["read_at"], message["read_at"], "{other}");
        assert_eq!(other["updated_at"], message["updated_at"], "{other}");
    }
    let edited = kevin.updates_message(&id, "message=edited").await.is(200);
    assert_eq!(edited.json()["read_at"], message["read_at"]);
}

#[tokio::test]
async fn read_up_to_does_not_cover_messages_sent_later() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    let future = format!("zzzzzzzzz{}", &id[9..]);
    world
        .kate
        .updates_conversation(&format!("read_up_to={future}"))
        .await
        .is(200);
    world.kevin.sends("2").await;
    assert_eq!(
        world.kate.gets_conversation().await.json()["unread_count"],
        1
    );
    let empty = world.kate.creates_conversation(&[&world.buzz], "").await;
    let future = format!("zzzzzzzzz{}", empty.conversation);
    empty
        .updates_conversation(&format!("read_up_to={future}"))
        .await
        .is(200);
    world.buzz.within(empty.conversation).sends("hi").await;
    assert_eq!(empty.gets_conversation().await.json()["unread_count"], 1);
}

#[tokio::test]
async fn muting_and_pinning_affect_only_the_caller() {
    let world = World::new().await;
    let set = world
        .kate
        .updates_conversation("is_muted=true&is_pinned=true")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&set["is_muted"], &set["is_pinned"]),
        (&json!(true), &json!(true))
    );
    world.kevin.sends("hello").await;
    let seen = world
        .kate
        .updates_conversation("is_muted=false")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&seen["is_muted"], &seen["is_pinned"]),
        (&json!(false), &json!(true))
    );
    let of_kevin = world.kevin.gets_conversation().await.json();
    assert_eq!(
        (&of_kevin["is_muted"], &of_kevin["is_pinned"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn invalid_parameters_return_400() {
    let world = World::new().await;
    world
        .kate
        .updates_conversation("")
        .await
        .fails(400, "parameter_missing", ());
    world.kate.updates_conversation("is_muted=yes").await.fails(
        400,
        "parameter_invalid",
        "is_muted",
    );
    world
        .kate
        .updates_conversation("title=a")
        .await
        .fails(400, "parameter_unknown", "title");
    world
        .kate
        .updates_conversation("name=%00")
        .await
        .fails(400, "parameter_invalid", "name");
    world.kate.updates_conversation("read_up_to=x").await.fails(
        400,
        "parameter_invalid",
        "read_up_to",
    );
}

#[tokio::test]
async fn only_the_creator_renames_until_the_creator_leaves() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Kevin’s")
        .await;
    let kate = world.kate.within(kevin.conversation);
    let refused = kate.updates_conversation("name=Kate’s&is_muted=true").await;
    refused.fails(403, "not_the_creator", "name");
    let seen = kate.gets_conversation().await.json();
    assert_eq!(
        (&seen["name"], &seen["is_muted"]),
        (&json!("Kevin’s"), &json!(false))
    );
    assert_eq!(
        kevin.updates_conversation("name=Ours").await.is(200).json()["name"],
        "Ours"
    );
    assert_eq!(kate.gets_conversation().await.json()["name"], "Ours");
    kevin.leaves_conversation().await.is(204);
    assert_eq!(
        kate.updates_conversation("name=Kate’s")
            .await
            .is(200)
            .json()["name"],
        "Kate’s"
    );
}
