//! `POST /v1/messages`

use serde_json::{Value, json};

use crate::harness::{Json, World};

#[tokio::test]
async fn a_created_message_is_returned_with_its_location() {
    let world = World::new().await;
    let response = world.kevin.tries_to_send("hello").await.is(201);
    let message = response.json();
    assert_eq!(
        response.header("location"),
        format!("/v1/messages/{}", message["id"].as_str().unwrap())
    );
    assert_eq!(message["conversation_id"], world.conversation.to_string());
    assert_eq!(message["contact"]["id"], world.kevin.id.to_string());
    assert_eq!(message["contact"]["username"], world.kevin.username);
    assert_eq!(message["message"], "hello");
    assert_eq!(message["reactions"], json!([]));
    assert_eq!(message["attachments"], json!([]));
    assert_eq!(message["read_at"], Value::Null);
    assert_eq!(message["updated_at"], Value::Null);
    assert!(message["created_at"].is_u64());
}

#[tokio::test]
async fn a_created_message_is_immediately_visible_to_every_participant() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    for person in [&world.kevin, &world.kate, &world.linnie] {
        person.gets_message(&id).await.is(200);
        assert_eq!(person.lists_messages("").await.is(200).ids(), [id.as_str()]);
        assert_eq!(person.lists_inbox("").await.is(200).ids(), [id.as_str()]);
    }
}

#[tokio::test]
async fn a_text_of_32_kib_is_stored_and_one_byte_more_returns_400() {
    let world = World::new().await;
    let longest = "é".repeat(16 * 1024);
    let id = world.kevin.sends(&longest).await;
    assert_eq!(
        world.kate.gets_message(&id).await.is(200).json()["message"],
        longest
    );
    let response = world.kevin.tries_to_send(&format!("{longest}x")).await;
    response.fails(400, "parameter_invalid", "message");
}

#[tokio::test]
async fn a_text_is_returned_unchanged() {
    let world = World::new().await;
    for text in [
        " spaces ",
        "a+b&c=d%20",
        "a\u{0}\u{1}\n\t",
        "e\u{301}",
        "\u{202E}a\u{2028}\u{E000}",
        "‘quotes’ \"quotes\" \\",
        "👩‍👩‍👧‍👦",
        "<script>",
    ] {
        let id = world.kevin.sends(text).await;
        assert_eq!(
            world.kate.gets_message(&id).await.is(200).json()["message"],
            text
        );
    }
}

#[tokio::test]
async fn an_invisible_text_returns_400() {
    let world = World::new().await;
    for text in [
        "",
        " ",
        "\n\t",
        "\u{3000}",
        "\0",
        "\u{200B}\u{2060}",
        "\u{3164}",
    ] {
        world
            .kevin
            .tries_to_send(text)
            .await
            .fails(400, "parameter_invalid", "message");
    }
}

#[tokio::test]
async fn a_missing_conversation_or_text_returns_400() {
    let world = World::new().await;
    let conversation = world.conversation;
    let posts = async |form: String| world.kevin.posts("/v1/messages", form).await;
    posts("message=hi".to_owned())
        .await
        .fails(400, "parameter_missing", "conversation_id");
    posts(format!("conversation_id={conversation}"))
        .await
        .fails(400, "parameter_missing", "message");
    let null = json!({"conversation_id": conversation, "message": null});
    world
        .kevin
        .posts("/v1/messages", Json(null))
        .await
        .fails(400, "parameter_missing", "message");
    world
        .kevin
        .posts("/v1/messages", ())
        .await
        .fails(400, "parameter_missing", "conversation_id");
}

#[tokio::test]
async fn attachments_that_are_no_ids_return_400() {
    let world = World::new().await;
    let form = format!(
        "conversation_id={}&message=hi&attachments[]=x",
        world.conversation
    );
    world
        .kevin
        .posts("/v1/messages", form)
        .await
        .fails(400, "parameter_invalid", "attachments[]");
}

#[tokio::test]
async fn a_message_with_an_unknown_parameter_is_not_stored() {
    let world = World::new().await;
    let form = format!(
        "conversation_id={}&message=hi&mesage=typo",
        world.conversation
    );
    world
        .kevin
        .posts("/v1/messages", form)
        .await
        .fails(400, "parameter_unknown", "mesage");
    assert!(
        world
            .kevin
            .lists_messages("")
            .await
            .is(200)
            .ids()
            .is_empty()
    );
    assert!(world.kevin.lists_inbox("").await.is(200).ids().is_empty());
}
