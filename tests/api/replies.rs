//! Messages that reply to others.

use serde_json::{Value, json};
use shared::id::ConversationId;

use crate::harness::{Person, World};

impl Person {
    async fn replies(&self, to: &str, text: &str) -> Value {
        self.tries_to_reply(to, text).await.is(201).json()
    }
}

#[tokio::test]
async fn a_reply_shows_the_message_that_it_replies_to_wherever_it_is_returned() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let long = format!("{}the end", "é".repeat(98));
    let id = kevin.sends(&long).await;
    let reply = kate.replies(&id, "What?").await;
    let quote = &reply["reply_to"];
    assert_eq!(
        (&quote["id"], &quote["message"]),
        (&json!(id), &json!(format!("{}th", "é".repeat(98))))
    );
    assert_eq!(quote["contact"]["username"], json!(kevin.username));
    // As in a message: both have accepted the conversation.
    assert_eq!(
        quote["contact"]["phone_number"],
        json!(kevin.phone_number())
    );
    let reply_id = reply["id"].as_str().unwrap();
    let got = world.linnie.gets_message(reply_id).await.is(200).json();
    assert_eq!(&got["reply_to"], quote);
    // The quoted message is on another page, and on the same one.
    for query in ["limit=1", "limit=2"] {
        let page = world.linnie.lists_messages(query).await.is(200).json();
        assert_eq!(&page["data"][0]["reply_to"], quote, "{query}");
        let page = world.linnie.lists_inbox(query).await.is(200).json();
        assert_eq!(&page["data"][0]["reply_to"], quote, "{query}");
    }
    let last = &world.linnie.gets_conversation().await.is(200).json()["last_message"];
    assert_eq!(&last["reply_to"], quote);
    let listed = world.linnie.lists_conversations("").await.is(200).json();
    assert_eq!(&listed["data"][0]["last_message"]["reply_to"], quote);
    let muted = world.linnie.updates_conversation("is_muted=true").await;
    assert_eq!(&muted.is(200).json()["last_message"]["reply_to"], quote);
    let reacted = kevin.reacts(reply_id, "heart").await.is(200).json();
    assert_eq!(&reacted["reply_to"], quote);
    let first = kate.gets_message(&id).await.is(200).json();
    assert_eq!(first["reply_to"], Value::Null);
}

#[tokio::test]
async fn a_conversation_that_is_created_again_or_grows_shows_what_its_last_message_replies_to() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    for name in ["", "name=Home"] {
        let conversation = kevin.creates_conversation(&[buzz], name).await;
        let id = conversation.sends("one").await;
        conversation.replies(&id, "two").await;
        let again = if name.is_empty() {
            kevin.tries_to_create_conversation(&[buzz], name).await
        } else {
            conversation.adds_participant(&world.kate).await
        };
        let last = &again.is(200).json()["last_message"];
        assert_eq!(last["reply_to"]["id"], json!(id));
    }
}

#[tokio::test]
async fn a_reply_shows_the_current_text_and_null_once_the_message_is_deleted() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("one").await;
    let reply = kate.replies(&id, "two").await;
    let reply = reply["id"].as_str().unwrap();
    kevin.updates_message(&id, "message=uno").await.is(200);
    let got = kate.gets_message(reply).await.is(200).json();
    assert_eq!(got["reply_to"]["message"], "uno");
    kevin.deletes_message(&id).await.is(204);
    let got = kate.gets_message(reply).await.is(200).json();
    assert_eq!(
        (&got["reply_to"], &got["message"]),
        (&Value::Null, &json!("two"))
    );
}

#[tokio::test]
async fn a_reply_to_a_reply_shows_only_the_last_one() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("one").await;
    let second = kate.replies(&id, "two").await;
    let third = kevin.replies(second["id"].as_str().unwrap(), "three").await;
    assert_eq!(third["reply_to"]["message"], "two");
    assert_eq!(third["reply_to"].get("reply_to"), None);
}

#[tokio::test]
async fn the_message_to_reply_to_must_exist_in_the_conversation() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let deleted = kevin.sends_and_deletes().await;
    kevin
        .tries_to_reply(&deleted, "late")
        .await
        .fails(404, "message_not_found", "reply_to");
    let elsewhere = format!("{}{}", &deleted[..9], ConversationId::random());
    for other in [elsewhere.as_str(), "x"] {
        kevin
            .tries_to_reply(other, "wrong")
            .await
            .fails(400, "parameter_invalid", "reply_to");
    }
    // A stranger learns nothing of it.
    let existing = kevin.sends("hello").await;
    let outside = world.buzz.within(kevin.conversation);
    for id in [&existing, &deleted] {
        outside.tries_to_reply(id, "hi").await.fails(
            404,
            "conversation_not_found",
            "conversation_id",
        );
    }
    assert_eq!(kevin.lists_messages("").await.is(200).texts(), ["hello"]);
}

#[tokio::test]
async fn a_reply_is_sent_once_even_if_what_it_replies_to_is_deleted_meanwhile() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("one").await;
    let other = kevin.sends("other").await;
    let send = async |to: &str| {
        let form = format!(
            "conversation_id={}&message=two&reply_to={to}",
            kate.conversation
        );
        let key = [("idempotency-key", "reply")];
        let method = reqwest::Method::POST;
        kate.requests(method, "/v1/messages", &key, form).await
    };
    let reply = send(&id).await.is(201).json();
    send(&other)
        .await
        .fails(422, "idempotency_key_reused", "Idempotency-Key");
    kevin.deletes_message(&id).await.is(204);
    let again = send(&id).await.is(201).json();
    assert_eq!(again["id"], reply["id"]);
    assert_eq!(again["reply_to"], Value::Null);
}
