//! `Idempotency-Key`: a message is created once, however often the request is retried.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{Json, World};

#[tokio::test]
async fn a_retry_returns_the_first_message_and_stores_nothing() {
    let world = World::active().await;
    let first = world.kevin.sends_with_key("key-1", "once").await.is(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    for key in ["key-1", "\"key-1\""] {
        let again = world.kevin.sends_with_key(key, "once").await.is(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.json()["id"], first.json()["id"]);
    }
    world.kevin.sends_with_key("key-2", "once").await.is(201);
    assert_eq!(
        world.kate.lists_messages("").await.texts(),
        ["once", "once"]
    );
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["once", "once"]);
    assert_eq!(
        world.kate.gets_conversation().await.json()["unread_count"],
        2
    );
}

#[tokio::test]
async fn a_retry_changes_no_conversation_state() {
    let world = World::new().await;
    world.kate.sends_with_key("key", "once").await.is(201);
    world.kevin.sends("news").await;
    world
        .linnie
        .updates_conversation("archived=true")
        .await
        .is(200);
    let before = (
        world.kate.gets_conversation().await.json(),
        world.linnie.gets_conversation().await.json(),
    );
    assert_eq!(before.0["unread_count"], 1);
    world.kate.sends_with_key("key", "once").await.is(201);
    world.kate.sends_with_key("key", "other").await.is(422);
    let after = (
        world.kate.gets_conversation().await.json(),
        world.linnie.gets_conversation().await.json(),
    );
    for name in ["unread_count", "last_active_at", "archived_at"] {
        assert_eq!(
            (&after.0[name], &after.1[name]),
            (&before.0[name], &before.1[name]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_retry_in_json_matches_a_form() {
    let world = World::new().await;
    let first = world
        .kevin
        .sends_with_key("key", "ünder a key")
        .await
        .is(201);
    let object = json!({"message": "ünder a key", "conversation_id": world.conversation});
    let headers = [("idempotency-key", "key")];
    let post = reqwest::Method::POST;
    let again = world
        .kevin
        .requests(post, "/v1/messages", &headers, Json(object))
        .await;
    assert_eq!(again.is(201).json()["id"], first.json()["id"]);
}

#[tokio::test]
async fn reusing_a_key_for_another_message_returns_422() {
    let world = World::new().await;
    world.kevin.sends_with_key("key", "one").await.is(201);
    let other_text = world.kevin.sends_with_key("key", "another").await;
    other_text.fails(422, "idempotency_key_reused", "Idempotency-Key");
    let pair = world.kevin.creates_conversation(&[&world.kate], "").await;
    let other_conversation = pair.sends_with_key("key", "one").await;
    other_conversation.fails(422, "idempotency_key_reused", "Idempotency-Key");
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["one"]);
}

#[tokio::test]
async fn keys_are_scoped_to_the_sender() {
    let world = World::new().await;
    let by_kevin = world.kevin.sends_with_key("key", "hello").await.is(201);
    let by_kate = world.kate.sends_with_key("key", "hello").await.is(201);
    assert_eq!(by_kate.header("idempotent-replayed"), "");
    assert_ne!(by_kevin.json()["id"], by_kate.json()["id"]);
}

#[tokio::test]
async fn fifty_concurrent_sends_with_one_key_create_one_message() {
    let world = World::new().await;
    let sends = (0..50).map(|_| world.kevin.sends_with_key("key", "once"));
    let responses = futures_util::future::join_all(sends).await;
    let ids: BTreeSet<_> = responses
        .into_iter()
        .map(|response| response.is(201).json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.kate.lists_messages("").await.texts(), ["once"]);
    for person in [&world.kevin, &world.kate, &world.linnie] {
        assert_eq!(person.lists_inbox("").await.texts(), ["once"]);
    }
}

#[tokio::test]
async fn a_retry_after_the_message_was_deleted_returns_404() {
    let world = World::new().await;
    let sent = world
        .kevin
        .sends_with_key("key", "oops")
        .await
        .is(201)
        .json();
    world
        .kevin
        .deletes_message(sent["id"].as_str().unwrap())
        .await
        .is(204);
    let again = world.kevin.sends_with_key("key", "oops").await;
    again.fails(404, "message_deleted", "Idempotency-Key");
    assert!(world.kate.lists_messages("").await.texts().is_empty());
}

#[tokio::test]
async fn a_retry_returns_the_current_version_of_the_message() {
    let world = World::new().await;
    let sent = world
        .kevin
        .sends_with_key("key", "helo")
        .await
        .is(201)
        .json();
    let id = sent["id"].as_str().unwrap();
    world
        .kevin
        .updates_message(id, "message=hello")
        .await
        .is(200);
    let again = world.kevin.sends_with_key("key", "helo").await.is(201);
    assert_eq!(again.json(), world.kevin.gets_message(id).await.json());
}

#[tokio::test]
async fn a_retry_is_authenticated_and_authorized_like_the_first_request() {
    let world = World::new().await;
    world.kate.sends_with_key("key", "hello").await.is(201);
    world.kate.leaves_conversation().await.is(204);
    let again = world.kate.sends_with_key("key", "hello").await;
    again.fails(404, "conversation_not_found", "conversation_id");
    let revoked = world.kate.with_token("unknown");
    revoked
        .sends_with_key("key", "hello")
        .await
        .fails(401, "token_invalid", ());
}

#[tokio::test]
async fn a_rejected_send_does_not_use_up_its_key() {
    let world = World::new().await;
    world.kevin.sends_with_key("key", "").await.is(400);
    let foreign = world.kevin.within(world.buzz.conversation);
    foreign.sends_with_key("key", "hello").await.is(404);
    let first = world.kevin.sends_with_key("key", "hello").await.is(201);
    assert_eq!(first.header("idempotent-replayed"), "");
}

#[tokio::test]
async fn a_malformed_key_returns_400() {
    let world = World::new().await;
    let long = "a".repeat(256);
    for key in ["", "two words", "\"open", &long] {
        let response = world.kevin.sends_with_key(key, "hello").await;
        response.fails(400, "parameter_invalid", "Idempotency-Key");
    }
    world
        .kevin
        .sends_with_key(&"a".repeat(255), "hello")
        .await
        .is(201);
    assert_eq!(world.kate.lists_messages("").await.texts(), ["hello"]);
}
