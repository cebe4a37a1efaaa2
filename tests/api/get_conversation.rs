//! `GET /v1/conversations/:id`

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn unread_count_is_per_participant_and_falls_with_reads_and_deletes() {
    let world = World::new().await;
    let unread = async |person: &crate::harness::Person| {
        let one = person.gets_conversation().await.is(200).json()["unread_count"].clone();
        let listed = person.lists_conversations("").await.is(200).json()["data"][0].clone();
        assert_eq!(listed["unread_count"], one);
        one
    };
    let first = world.kevin.sends("1").await;
    let second = world.kevin.sends("2").await;
    let third = world.linnie.sends("3").await;
    assert_eq!(unread(&world.kate).await, 3);
    assert_eq!(unread(&world.kevin).await, 1, "own messages are not unread");
    assert_eq!(
        unread(&world.linnie).await,
        0,
        "sending marks earlier messages as read"
    );
    let read = world
        .kate
        .updates_conversation(&format!("read_up_to={second}"))
        .await
        .is(200)
        .json();
    assert_eq!(read["unread_count"], 1);
    assert!(read["last_opened_at"].is_u64());
    assert_eq!(unread(&world.kate).await, 1);
    world
        .kate
        .updates_conversation(&format!("read_up_to={first}"))
        .await
        .is(200);
    assert_eq!(
        unread(&world.kate).await,
        1,
        "an earlier message does not move the mark back"
    );
    world.linnie.deletes_message(&third).await.is(204);
    assert_eq!(unread(&world.kate).await, 0);
    assert_eq!(unread(&world.kevin).await, 0);
}

#[tokio::test]
async fn unread_count_is_capped_at_a_hundred() {
    let world = World::new().await;
    let mut last = String::new();
    for number in 0..105 {
        last = world.kevin.sends(&number.to_string()).await;
    }
    assert_eq!(
        world.kate.gets_conversation().await.json()["unread_count"],
        100
    );
    let read = world
        .kate
        .updates_conversation(&format!("read_up_to={last}"))
        .await
        .is(200)
        .json();
    assert_eq!(read["unread_count"], 0);
}

#[tokio::test]
async fn last_message_is_the_newest_message_that_is_not_deleted() {
    let world = World::new().await;
    let first = world.kevin.sends("1").await;
    let second = world.kevin.sends("2").await;
    world.kate.reacts(&second, "heart").await.is(200);
    for person in [&world.kate, &world.linnie] {
        let message = person.gets_message(&second).await.json();
        assert_eq!(
            person.gets_conversation().await.json()["last_message"]["id"],
            message["id"]
        );
        let listed = person.lists_conversations("").await.json()["data"][0]["last_message"].clone();
        assert_eq!(listed["reactions"], message["reactions"]);
        assert_eq!(listed["contact"]["username"], json!(world.kevin.username));
    }
    world.kevin.deletes_message(&second).await.is(204);
    assert_eq!(
        world.kate.gets_conversation().await.json()["last_message"]["id"],
        json!(first)
    );
    assert_eq!(
        world.kate.lists_conversations("").await.json()["data"][0]["last_message"]["id"],
        json!(first)
    );
    world.kevin.deletes_message(&first).await.is(204);
    assert_eq!(
        world.kate.lists_conversations("").await.json()["data"][0]["last_message"],
        Value::Null
    );
}
