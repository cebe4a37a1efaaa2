//! `PUT /v1/messages/:id` with attachments.

use futures_util::future::{join, join_all};
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

/// The ids of the attachments of a message.
fn shown(message: &Value) -> Vec<String> {
    let attachments = message["attachments"].as_array().unwrap().iter();
    let ids = attachments.map(|attachment| attachment["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test]
async fn the_author_adds_attachments_behind_those_that_the_message_has() {
    let world = World::new().await;
    let mut ids = uploads(&world.kevin, 5).await;
    ids.reverse();
    let sent = world.kevin.tries_to_send_files("Look", &ids[..2]).await;
    let sent = sent.is(201);
    let before = sent.json();
    let id = before["id"].as_str().unwrap();
    let added = world.kevin.adds_attachments(id, &ids[2..]).await.is(200);
    let message = added.json();
    assert_eq!(shown(&message), ids);
    assert_eq!(message["message"], "Look");
    assert_eq!(message["attachments"][4]["message_id"], id);
    assert!(message["updated_at"].is_u64());
    assert_ne!(added.header("etag"), sent.header("etag"));
    let read = world.kate.gets_message(id).await.is(200);
    assert_eq!(read.header("etag"), added.header("etag"));
    assert_eq!(shown(&read.json()), ids);
    world.kate.gets_file(&ids[4]).await.is(302);
}

#[tokio::test]
async fn attachments_are_added_with_a_text_and_a_reaction_or_nothing_is_changed() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("hello").await;
    let ready = kevin.uploads("a", b"x").await;
    let pending = kevin.creates_attachment("b", 1).await;
    let update = |attachment: &str| {
        Json(json!({
            "message": "edited",
            "reactions": {"heart": [kevin.username]},
            "attachments": [ready, attachment],
        }))
    };
    let path = format!("/v1/messages/{id}");
    let pending_id = pending["id"].as_str().unwrap();
    let refused = kevin.puts(&path, update(pending_id)).await;
    let refused = refused.fails(409, "attachment_not_ready", "attachments[]");
    assert_eq!(refused.header("retry-after"), "2");
    let unchanged = kevin.gets_message(&id).await.json();
    assert_eq!(unchanged["message"], "hello");
    assert_eq!(unchanged["attachments"], json!([]));
    assert_eq!(unchanged["updated_at"], json!(null));
    let other = kevin.uploads("c", b"x").await;
    let updated = kevin.puts(&path, update(&other)).await.is(200).json();
    assert_eq!(updated["message"], "edited");
    assert_eq!(updated["reactions"], json!([{"heart": [kevin.username]}]));
    assert_eq!(shown(&updated), [ready.clone(), other]);
}

#[tokio::test]
async fn adding_an_attachment_again_changes_nothing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let ids = uploads(&world.kevin, 2).await;
    let first = world.kevin.adds_attachments(&id, &ids[..1]).await.is(200);
    let again = world.kevin.adds_attachments(&id, &ids[..1]).await.is(200);
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("etag"), first.header("etag"));
    let both = world.kevin.adds_attachments(&id, &ids).await.is(200);
    assert_eq!(shown(&both.json()), ids);
    let nothing = Json(json!({"attachments": []}));
    let nothing = world.kevin.updates_message(&id, nothing).await.is(200);
    assert_eq!(nothing.json(), both.json());
    // The response to a request with `If-Match` may have been lost.
    let form = format!("attachments[]={}", ids[1]);
    let old = first.header("etag");
    let repeated = world.kevin.updates_message_if_match(&id, old, &form);
    assert_eq!(repeated.await.is(200).json(), both.json());
}

#[tokio::test]
async fn attachments_are_added_to_the_expected_version_only() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let sent = kevin.tries_to_send("hello").await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let ids = uploads(kevin, 1).await;
    let form = format!("attachments[]={}", ids[0]);
    world.kate.reacts(&id, "heart").await.is(200);
    let old = sent.header("etag");
    let refused = kevin.updates_message_if_match(&id, old, &form).await;
    refused.fails(412, "precondition_failed", "If-Match");
    let current = kevin.gets_message(&id).await;
    let current = current.header("etag");
    let added = kevin.updates_message_if_match(&id, current, &form).await;
    assert_eq!(shown(&added.is(200).json()), ids);
}

#[tokio::test]
async fn a_message_has_at_most_eight_attachments() {
    let world = World::new().await;
    let ids = uploads(&world.kevin, 9).await;
    let sent = world.kevin.tries_to_send_files("", &ids[..6]).await;
    let id = sent.is(201).json()["id"].as_str().unwrap().to_owned();
    let refused = world.kevin.adds_attachments(&id, &ids[6..]).await;
    refused.fails(400, "parameter_invalid", "attachments");
    let unchanged = world.kevin.gets_message(&id).await.json();
    assert_eq!(shown(&unchanged), ids[..6]);
    world.kevin.adds_attachments(&id, &ids[6..8]).await.is(200);
    // Those that it has do not count twice.
    world.kevin.adds_attachments(&id, &ids[..8]).await.is(200);
}

#[tokio::test]
async fn only_the_author_adds_attachments_and_only_own_ones() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("hello").await;
    let of_kate = kate.uploads("a", b"x").await;
    let refused = kate.adds_attachments(&id, &[&of_kate]).await;
    refused.fails(403, "not_the_author", "attachments");
    let refused = kevin.adds_attachments(&id, &[&of_kate]).await;
    let refused = refused.fails(404, "attachment_not_found", "attachments[]");
    assert!(refused.text.contains(&of_kate), "{}", refused.text);
    let sent = kevin.uploads("b", b"x").await;
    kevin.tries_to_send_files("Look", &[&sent]).await.is(201);
    let refused = kevin.adds_attachments(&id, &[&sent]).await;
    refused.fails(409, "attachment_attached", "attachments[]");
    let elsewhere = world.new_conversation(&[kevin, kate]).await;
    let of_other = kevin.within(elsewhere).uploads("c", b"x").await;
    let refused = kevin.adds_attachments(&id, &[&of_other]).await;
    refused.fails(404, "attachment_not_found", "attachments[]");
    assert_eq!(shown(&kate.gets_message(&id).await.json()), [""; 0]);
}

#[tokio::test]
async fn adding_at_once_loses_nothing_and_never_exceeds_the_limit() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("hello").await;
    let ids = uploads(kevin, 10).await;
    let adds = ids.chunks(1).map(|one| kevin.adds_attachments(&id, one));
    let (adds, reactions) = join(
        join_all(adds),
        join_all((0..5).map(|_| world.kate.reacts(&id, "heart"))),
    )
    .await;
    for reaction in reactions {
        reaction.is(200);
    }
    let mut added = Vec::new();
    for (add, one) in adds.into_iter().zip(&ids) {
        match add.status.as_u16() {
            200 => added.push(one.clone()),
            // More than eight, or too many conflicts.
            400 | 503 => {}
            _ => panic!("{add:?}"),
        }
    }
    let mut attachments = shown(&world.kate.gets_message(&id).await.json());
    assert!(attachments.len() <= 8, "{attachments:?}");
    attachments.sort();
    added.sort();
    assert_eq!(attachments, added);
}

#[tokio::test]
async fn an_attachment_that_is_added_while_its_message_is_deleted_does_not_outlive_it() {
    let world = World::new().await;
    let kevin = &world.kevin;
    for _ in 0..20 {
        let id = kevin.sends("hello").await;
        let ids = uploads(kevin, 1).await;
        let (added, deleted) = join(
            kevin.adds_attachments(&id, &ids),
            kevin.deletes_message(&id),
        )
        .await;
        deleted.is(204);
        kevin.gets_message(&id).await.is(404);
        match added.status.as_u16() {
            200 => kevin.gets_attachment(&ids[0]).await.is(404),
            // It may have been added and deleted before the response was rendered.
            404 => kevin.deletes_attachment(&ids[0]).await.is(204),
            _ => panic!("{added:?}"),
        };
    }
}
