//! Attachments of messages: sending, showing and deleting them.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Json, Person, World};

/// Uploads this number of files.
async fn uploads(person: &Person, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(person.uploads(&format!("{number}.jpg"), b"bytes").await);
    }
    ids
}

fn ids(attachments: &Value) -> Vec<&str> {
    let attachments = attachments.as_array().unwrap().iter();
    attachments
        .map(|attachment| attachment["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn attachments_are_shown_in_the_order_in_which_they_were_sent_everywhere() {
    let world = World::new().await;
    let mut sent = uploads(&world.kevin, 8).await;
    sent.rotate_left(3);
    sent.swap(0, 5);
    let message = world.kevin.tries_to_send_files("Look", &sent).await;
    let message = message.is(201).json();
    let id = message["id"].as_str().unwrap();
    let shown = &message["attachments"];
    assert_eq!(ids(shown), sent);
    for attachment in shown.as_array().unwrap() {
        assert_eq!(attachment["message_id"], id);
    }
    let kate = &world.kate;
    let edited = world.kevin.updates_message(id, "message=edited").await;
    for other in [
        &kate.gets_message(id).await.json(),
        &edited.json(),
        &kate.reacts(id, "heart").await.json(),
        &kate.lists_messages("").await.json()["data"][0],
        &kate.lists_inbox("").await.json()["data"][0],
        &kate.gets_conversation().await.json()["last_message"],
        &kate.lists_conversations("").await.json()["data"][0]["last_message"],
    ] {
        assert_eq!(other["attachments"], *shown, "{other}");
    }
    let tags = [kate.gets_message(id).await, kate.gets_message(id).await];
    let tags = tags.each_ref().map(|response| response.header("etag"));
    assert_eq!(tags[0], tags[1]);
}

#[tokio::test]
async fn a_message_without_attachments_has_an_empty_list() {
    let world = World::new().await;
    let sent = world.kevin.tries_to_send("hello").await.is(201).json();
    assert_eq!(sent["attachments"], json!([]));
}

#[tokio::test]
async fn a_text_is_optional_only_with_attachments() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let ids = uploads(kevin, 1).await;
    let only_a_file = kevin.tries_to_send_files("", &ids).await;
    assert_eq!(only_a_file.is(201).json()["message"], "");
    let refused = kevin.tries_to_send_files("", &[""; 0]).await;
    refused.fails(400, "parameter_missing", "message");
    let body = |message: Value, attachments: Value| {
        Json(json!({
            "conversation_id": kevin.conversation,
            "message": message,
            "attachments": attachments,
        }))
    };
    let send = async |body| kevin.posts("/v1/messages", body).await;
    send(body(json!("a"), json!([]))).await.is(201);
    send(body(json!("a"), json!(null))).await.is(201);
    let next = uploads(kevin, 2).await;
    send(body(json!(null), json!([next[0]]))).await.is(201);
    let refused = send(body(json!(null), json!([]))).await;
    refused.fails(400, "parameter_missing", "message");
    let refused = send(body(json!(""), json!([next[1]]))).await;
    refused.fails(400, "parameter_invalid", "message");
}

#[tokio::test]
async fn an_invalid_list_of_attachments_is_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let nine = uploads(kevin, 9).await;
    let (one, nonsense) = (nine[0].clone(), "nonsense".to_owned());
    for (list, param) in [
        (&nine[..], "attachments"),
        (&[one.clone(), one], "attachments"),
        (&[nonsense], "attachments[]"),
    ] {
        let refused = kevin.tries_to_send_files("Look", list).await;
        refused.fails(400, "parameter_invalid", param);
    }
    assert!(kevin.lists_messages("").await.ids().is_empty());
    kevin.tries_to_send_files("Look", &nine[1..]).await.is(201);
}

#[tokio::test]
async fn an_attachment_that_the_sender_may_not_use_does_not_exist() {
    let world = World::new().await;
    let elsewhere = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let of_kate = world.kate.uploads("a", b"x").await;
    let of_other = world.kevin.within(elsewhere).uploads("a", b"x").await;
    let own = world.kevin.uploads("a", b"x").await;
    let unknown = format!("000000000{}", world.conversation);
    let mut refusals = Vec::new();
    for id in [of_kate, of_other, unknown, "0".repeat(25)] {
        let both = [own.clone(), id.clone()];
        let refused = world.kevin.tries_to_send_files("Look", &both).await;
        let refused = refused.fails(404, "attachment_not_found", "attachments[]");
        assert!(refused.text.contains(&id), "{}", refused.text);
        let mut body = refused.json();
        body["request_id"].take();
        refusals.push(body.to_string().replace(&id, ""));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(world.kevin.lists_messages("").await.ids().is_empty());
    world
        .kevin
        .tries_to_send_files("Look", &[own])
        .await
        .is(201);
}

#[tokio::test]
async fn an_attachment_is_sent_once() {
    let world = World::new().await;
    let ids = uploads(&world.kevin, 2).await;
    world.kevin.tries_to_send_files("", &ids[..1]).await.is(201);
    for person in [&world.kevin, &world.kate] {
        let refused = person.tries_to_send_files("again", &ids[..1]).await;
        refused.fails(409, "attachment_attached", "attachments[]");
    }
    let refused = world.kevin.tries_to_send_files("again", &ids).await;
    let refused = refused.fails(409, "attachment_attached", "attachments[]");
    assert!(refused.text.contains(&ids[0]), "{}", refused.text);
    assert_eq!(world.kate.lists_messages("").await.ids().len(), 1);
    world.kevin.tries_to_send_files("", &ids[1..]).await.is(201);
}

#[tokio::test]
async fn of_many_sends_at_once_with_one_attachment_one_succeeds() {
    let world = World::new().await;
    let ids = uploads(&world.kevin, 1).await;
    let sends = (0..20).map(|_| world.kevin.tries_to_send_files("Look", &ids));
    let responses = join_all(sends).await;
    let (sent, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|response| response.status == 201);
    assert_eq!(sent.len(), 1);
    for response in refused {
        response.fails(409, "attachment_attached", "attachments[]");
    }
    let listed = world.kate.lists_messages("").await.ids();
    assert_eq!(listed, [sent[0].json()["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_file_that_is_not_uploaded_is_not_sent() {
    let world = World::new().await;
    let created = world.kevin.creates_attachment("a", 5).await;
    let ready = world.kevin.uploads("b", b"x").await;
    let both = [ready, created["id"].as_str().unwrap().to_owned()];
    let refused = world.kevin.tries_to_send_files("Look", &both).await;
    let refused = refused.fails(409, "attachment_not_ready", "attachments[]");
    assert_eq!(refused.header("retry-after"), "2");
    assert!(refused.text.contains(&both[1]), "{}", refused.text);
    assert!(world.kevin.lists_messages("").await.ids().is_empty());
}

#[tokio::test]
async fn a_send_with_attachments_is_repeated_under_its_key() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let ids = uploads(kevin, 2).await;
    let key = [("idempotency-key", "key")];
    let repeat = async |text: &str, ids: &[String]| kevin.sends_files_with(&key, text, ids).await;
    let sent = repeat("Look", &ids).await.is(201);
    let replayed = repeat("Look", &ids).await.is(201);
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    assert_eq!(replayed.json(), sent.json());
    let reversed: Vec<_> = ids.iter().rev().cloned().collect();
    for (text, ids) in [
        ("Look", &ids[..1]),
        ("Look", &reversed),
        ("Look", &[]),
        ("Other", &ids),
    ] {
        let refused = repeat(text, ids).await;
        refused.fails(422, "idempotency_key_reused", "Idempotency-Key");
    }
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    kevin.deletes_message(&id).await.is(204);
    let refused = repeat("Look", &ids).await;
    refused.fails(404, "message_deleted", "Idempotency-Key");
    let refused = kevin.tries_to_send_files("Look", &ids).await;
    refused.fails(404, "attachment_not_found", "attachments[]");
}

#[tokio::test]
async fn the_attachments_of_a_deleted_message_are_gone() {
    let world = World::new().await;
    let ids = uploads(&world.kevin, 2).await;
    let sent = world.kevin.tries_to_send_files("Look", &ids).await;
    let message = sent.is(201).json()["id"].as_str().unwrap().to_owned();
    world.kate.gets_file(&ids[1]).await.is(302);
    world.kevin.deletes_message(&message).await.is(204);
    for person in [&world.kevin, &world.kate] {
        for id in &ids {
            let refused = person.gets_file(id).await;
            refused.fails(404, "attachment_not_found", "id");
        }
    }
}
