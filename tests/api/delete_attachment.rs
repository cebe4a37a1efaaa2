//! `DELETE /v1/attachments/:id`

use futures_util::future::join_all;

use crate::harness::{Person, World};

/// Sends a message with these files. Returns its id and those of its attachments.
async fn sends(person: &Person, text: &str, count: usize) -> (String, Vec<String>) {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(person.uploads(&format!("{number}.jpg"), b"x").await);
    }
    let sent = person.tries_to_send_files(text, &ids).await.is(201);
    (sent.json()["id"].as_str().unwrap().to_owned(), ids)
}

#[tokio::test]
async fn an_attachment_is_taken_off_its_message() {
    let world = World::new().await;
    let (message, ids) = sends(&world.kevin, "Look", 3).await;
    let before = world.kate.gets_message(&message).await.is(200);
    world.kevin.deletes_attachment(&ids[1]).await.is(204);
    let after = world.kate.gets_message(&message).await.is(200);
    assert_ne!(after.header("etag"), before.header("etag"));
    let after = after.json();
    assert!(after["updated_at"].is_u64());
    let left = after["attachments"].as_array().unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|file| file["id"].as_str().unwrap())
        .collect();
    assert_eq!(left, [&ids[0], &ids[2]]);
    for person in [&world.kevin, &world.kate] {
        let gone = person.gets_attachment(&ids[1]).await;
        gone.fails(404, "attachment_not_found", "id");
    }
    world.kate.gets_file(&ids[0]).await.is(302);
    world.kevin.deletes_attachment(&ids[1]).await.is(204);
    world.kevin.deletes_attachment(&ids[0]).await.is(204);
    world.kevin.deletes_attachment(&ids[2]).await.is(204);
    let left = world.kate.gets_message(&message).await.json();
    assert_eq!(left["attachments"], serde_json::json!([]));
    assert_eq!(left["message"], "Look");
}

#[tokio::test]
async fn all_that_a_message_has_cannot_be_taken_off() {
    let world = World::new().await;
    let (message, ids) = sends(&world.kevin, "", 2).await;
    world.kevin.deletes_attachment(&ids[0]).await.is(204);
    let refused = world.kevin.deletes_attachment(&ids[1]).await;
    refused.fails(409, "last_attachment", "id");
    world.kate.gets_file(&ids[1]).await.is(302);
    let edited = world.kevin.updates_message(&message, "message=Look").await;
    edited.is(200);
    world.kevin.deletes_attachment(&ids[1]).await.is(204);
}

#[tokio::test]
async fn of_two_attachments_without_text_one_stays_although_both_are_taken_off_at_once() {
    let world = World::new().await;
    for _ in 0..10 {
        let (message, ids) = sends(&world.kevin, "", 2).await;
        let deletions = ids.iter().map(|id| world.kevin.deletes_attachment(id));
        let mut statuses: Vec<_> = join_all(deletions)
            .await
            .iter()
            .map(|response| response.status.as_u16())
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409]);
        let left = world.kate.gets_message(&message).await.json();
        assert_eq!(left["attachments"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_upload_is_given_up() {
    let world = World::new().await;
    let pending = world.kevin.uploads("a", b"x").await;
    // Nobody else knows of it.
    world.kate.deletes_attachment(&pending).await.is(204);
    world.kevin.gets_attachment(&pending).await.is(200);
    world.kevin.deletes_attachment(&pending).await.is(204);
    world.kevin.gets_attachment(&pending).await.is(404);
    let refused = world.kevin.tries_to_send_files("Look", &[&pending]).await;
    refused.fails(404, "attachment_not_found", "attachments[]");
    world.kevin.deletes_attachment(&pending).await.is(204);
}

#[tokio::test]
async fn only_who_sent_an_attachment_takes_it_off() {
    let world = World::new().await;
    let (_, ids) = sends(&world.kevin, "Look", 1).await;
    let refused = world.kate.deletes_attachment(&ids[0]).await;
    refused.fails(403, "not_the_author", ());
    let unknown = format!("000000000{}", world.conversation);
    world.kate.deletes_attachment(&unknown).await.is(204);
    for id in [ids[0].as_str(), &unknown, "nonsense"] {
        let refused = world.buzz.deletes_attachment(id).await;
        refused.fails(404, "attachment_not_found", "id");
    }
    world.kate.gets_file(&ids[0]).await.is(302);
}
