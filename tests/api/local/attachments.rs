//! The files of attachments: removed with what they belong to, however that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use shared::id::AttachmentId;
use shared::store::{Admin, Limits};
use shared::time::{Clock, Micros};

use crate::harness::s3::{downloads_from_s3, headers_of, requests_s3, uploads_to_s3};
use crate::harness::{Person, World};

const HOUR: u64 = 3_600_000_000;

/// Sends a message with a file. Returns the ids of both.
async fn sends_a_file(person: &Person) -> (String, String) {
    let id = person.uploads("house.jpg", b"bytes").await;
    let sent = person.tries_to_send_files("Look", &[&id]).await;
    let message = sent.is(201).json()["id"].as_str().unwrap().to_owned();
    (message, id)
}

/// The items in the table of attachments, without tombstones.
fn attachments(world: &World) -> usize {
    let items = world.items("AttachmentsTable");
    let attachments = items.iter().filter(|item| item.get("contact_id").is_some());
    attachments.count()
}

#[tokio::test]
async fn a_file_is_kept_while_its_message_exists() {
    let world = World::new().await;
    let (message, id) = sends_a_file(&world.kevin).await;
    let key = format!("{}/{}", world.conversation, &id[..9]);
    world
        .kevin
        .updates_message(&message, "message=edited")
        .await
        .is(200);
    world.kate.reacts(&message, "heart").await.is(200);
    world.settles().await;
    assert_eq!(world.files(), [key]);
    assert_eq!(attachments(&world), 1);
}

#[tokio::test]
async fn the_file_of_a_deleted_message_is_removed_although_its_url_is_still_valid() {
    let world = World::new().await;
    let (message, id) = sends_a_file(&world.kevin).await;
    let found = world.kate.gets_file(&id).await.is(302);
    world.kevin.deletes_message(&message).await.is(204);
    world.kate.gets_file(&id).await.is(404);
    world.settles().await;
    assert!(world.files().is_empty());
    // As S3 tells those who may not list the bucket.
    assert_eq!(
        downloads_from_s3(found.header("location")).await.status,
        403
    );
}

#[tokio::test]
async fn the_files_of_what_is_taken_off_given_up_or_added_are_removed() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let (message, first) = sends_a_file(kevin).await;
    let ids = [
        kevin.uploads("added", b"x").await,
        kevin.uploads("given up", b"x").await,
    ];
    kevin.adds_attachments(&message, &ids[..1]).await.is(200);
    kevin.deletes_attachment(&first).await.is(204);
    kevin.deletes_attachment(&ids[1]).await.is(204);
    world.settles().await;
    assert_eq!(
        world.files(),
        [format!("{}/{}", world.conversation, &ids[0][..9])]
    );
    assert_eq!(attachments(&world), 1);
    kevin.deletes_message(&message).await.is(204);
    world.settles().await;
    assert!(world.files().is_empty());
    assert_eq!(attachments(&world), 0);
}

#[tokio::test]
async fn an_author_who_has_left_deletes_a_message_with_its_files() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let (message, _) = sends_a_file(&kevin).await;
    kevin.leaves_conversation().await.is(204);
    kevin.deletes_message(&message).await.is(204);
    world.settles().await;
    assert!(world.files().is_empty());
    assert_eq!(attachments(&world), 0);
}

#[tokio::test]
async fn the_last_to_leave_removes_all_files_even_of_what_was_not_sent() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let kate = world.kate.within(kevin.conversation);
    kate.accepts().await;
    sends_a_file(&kevin).await;
    sends_a_file(&kate).await;
    kevin.uploads("pending", b"bytes").await;
    kevin.leaves_conversation().await.is(204);
    world.settles().await;
    assert_eq!(world.files().len(), 3);
    kate.leaves_conversation().await.is(204);
    world.settles().await;
    assert!(world.files().is_empty());
    assert_eq!(attachments(&world), 0);
}

#[tokio::test]
async fn the_last_to_leave_removes_a_thousand_attachments_in_steps() {
    let world = World::new().await;
    let buzz = &world.buzz;
    let message = buzz.sends("hello").await;
    let items = (1..=1_100_u64).map(|number| {
        json!({
            "conversation_id": {"S": buzz.conversation},
            "created_at": {"N": number.to_string()},
            "contact_id": {"S": buzz.id},
            "filename": {"S": "a"},
            "file_type": {"S": "image/jpeg"},
            "file_size": {"N": "1"},
            "message_id": {"S": message},
        })
    });
    world.import_items("AttachmentsTable", items.collect());
    buzz.leaves_conversation().await.is(204);
    assert_eq!(attachments(&world), 0);
}

#[tokio::test]
async fn an_upload_that_is_not_sent_within_a_day_expires() {
    let world = World::new().await;
    let now = Clock::system().now().0;
    let earlier = Micros(now - 10 * 60_000_000);
    let host = world.host().clock(move || earlier).start().await;
    let kevin = world.kevin.at(&host);
    let id = kevin.uploads("house.jpg", b"bytes").await;
    let send = async |kevin: &Person| kevin.tries_to_send_files("", &[&id]).await;
    for (after, is_valid) in [
        (24 * HOUR - 2_000_000, true),
        (24 * HOUR + 1_000_000, false),
    ] {
        let later = Micros(earlier.0 + after);
        let kevin = world
            .kevin
            .at(&world.host().clock(move || later).start().await);
        let expected = if is_valid { 200 } else { 404 };
        kevin.gets_attachment(&id).await.is(expected);
        if !is_valid {
            let refused = send(&kevin).await;
            refused.fails(404, "attachment_not_found", "attachments[]");
        }
    }
    // Time to live deletes it.
    let values = json!({":now": {"N": "1"}});
    world.updates_attachment(id.parse().unwrap(), "SET expires_at = :now", &values);
    world.settles().await;
    assert!(world.files().is_empty());
    assert_eq!(attachments(&world), 0);
}

#[tokio::test]
async fn a_file_that_is_uploaded_after_its_removal_is_removed_later() {
    let world = World::new().await;
    let created = world.kevin.creates_attachment("a", 5).await;
    let (upload, id) = (&created["upload"], created["id"].as_str().unwrap());
    let id: AttachmentId = id.parse().unwrap();
    world.deletes_attachment(id);
    world.settles().await;
    assert_eq!(uploads_to_s3(upload, b"bytes").await, 200);
    let tombstones = world.items("AttachmentsTable");
    let keys: Vec<_> = tombstones[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["conversation_id", "created_at", "expires_at"]);
    assert_eq!(tombstones.len(), 1);
    // A tombstone is no attachment.
    let text = id.to_string();
    world.kevin.gets_file(&text).await.is(404);
    let refused = world.kevin.tries_to_send_files("", &[text]).await;
    refused.fails(404, "attachment_not_found", "attachments[]");
    let created_at = id.created_at().0 / 1_000_000;
    let expires_at = tombstones[0]["expires_at"]["N"].as_str().unwrap().parse();
    assert!((created_at + 86_400..created_at + 86_500).contains(&expires_at.unwrap()));
    world.deletes_attachment(id);
    world.settles().await;
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn an_attachment_that_cannot_be_uploaded_anymore_leaves_no_tombstone() {
    let world = World::new().await;
    let moment = Clock::system().now().before(Duration::from_hours(24));
    let id = AttachmentId::new(moment, world.conversation);
    let attachment = json!({
        "conversation_id": {"S": world.conversation},
        "created_at": {"N": moment.0.to_string()},
        "contact_id": {"S": world.kevin.id},
    });
    world.import_items("AttachmentsTable", vec![attachment]);
    world.deletes_attachment(id);
    world.settles().await;
    assert!(world.items("AttachmentsTable").is_empty());
}

#[tokio::test]
async fn the_file_of_an_attachment_that_exists_again_is_kept() {
    let world = World::new().await;
    let (_, id) = sends_a_file(&world.kevin).await;
    let id: AttachmentId = id.parse().unwrap();
    let items = world.items("AttachmentsTable");
    world.deletes_attachment(id);
    world.import_items("AttachmentsTable", items);
    world.settles().await;
    assert_eq!(world.files().len(), 1);
    assert_eq!(attachments(&world), 1);
}

#[tokio::test]
async fn a_file_is_downloaded_as_it_was_uploaded_whatever_encoding_was_claimed() {
    let world = World::new().await;
    let created = world.kevin.creates_attachment("a", 5).await;
    let upload = &created["upload"];
    let mut headers = headers_of(upload);
    // S3 stores this header, although it is not signed.
    headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    let url = upload["url"].as_str().unwrap();
    let uploaded = requests_s3(Method::PUT, url, &headers, b"bytes").await;
    assert_eq!(uploaded.status, 200);
    let id = created["id"].as_str().unwrap();
    let found = world.kevin.gets_file(id).await.is(302);
    let downloaded = downloads_from_s3(found.header("location")).await;
    assert_eq!(downloaded.header("content-encoding"), "identity");
    assert_eq!(downloaded.content, b"bytes");
}

#[tokio::test]
async fn removals_are_repeated_until_they_succeed() {
    let world = World::new().await;
    let (message, _) = sends_a_file(&world.kevin).await;
    world.kevin.deletes_message(&message).await.is(204);
    for _ in 0..2 {
        world.settles_without_s3().await.unwrap_err();
        assert_eq!(world.files().len(), 1);
    }
    world.settles().await;
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn the_files_of_an_erased_contact_are_removed() {
    let world = World::new().await;
    sends_a_file(&world.kevin).await;
    sends_a_file(&world.kate).await;
    world.kevin.uploads("pending", b"bytes").await;
    let admin = Admin::new(world.store().clone());
    assert!(
        !admin
            .erase_contact(world.kevin.id)
            .await
            .unwrap()
            .is_empty()
    );
    let again = admin.erase_contact(world.kevin.id).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
    world.settles().await;
    assert_eq!(world.files().len(), 1);
    assert_eq!(attachments(&world), 1);
}

#[tokio::test]
async fn eight_attachments_fit_into_a_send_to_ninety_with_a_key_and_into_the_deletion_of_a_pinned_message()
 {
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let sender = &crowd[0];
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(sender.uploads(&number.to_string(), b"x").await);
    }
    let key = [("idempotency-key", "key")];
    let sent = sender.sends_files_with(&key, "Look", &ids).await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    // With the pin, 100 items, as many as a transaction takes.
    sender.updates_message(&id, "is_pinned=true").await.is(200);
    sender.deletes_message(&id).await.is(204);
    world.settles().await;
    assert!(world.files().is_empty());
    let pinned = sender.lists_messages("is_pinned=true").await;
    assert!(pinned.is(200).ids().is_empty());
}

#[tokio::test]
async fn without_s3_a_send_with_attachments_returns_503_and_sends_nothing() {
    let world = World::new().await;
    let id = world.kevin.uploads("a", b"x").await;
    let kevin = world.kevin.at(&world.host().without_s3().start().await);
    let ids = [id];
    let refused = kevin.tries_to_send_files("Look", &ids).await;
    let refused = refused.fails(503, "unavailable", ());
    assert_eq!(refused.header("retry-after"), "1");
    kevin.sends("without").await;
    // These need no call.
    kevin.gets_file(&ids[0]).await.is(302);
    kevin.creates_attachment("b", 1).await;
    assert_eq!(kevin.lists_messages("").await.texts(), ["without"]);
    world.kevin.tries_to_send_files("Look", &ids).await.is(201);
}

#[tokio::test]
async fn urls_and_names_of_files_are_not_logged() {
    let world = World::new().await;
    let id = world.kevin.uploads("private-name.jpg", b"x").await;
    let created = world.kevin.creates_attachment("private-name.jpg", 1).await;
    world.kevin.gets_file(&id).await.is(302);
    world.kevin.gets_attachment(&id).await.is(200);
    let kevin = world.kevin.at(&world.host().without_s3().start().await);
    kevin.tries_to_send_files("", &[id]).await.is(503);
    world.settles().await;
    let log = crate::harness::whole_log();
    let signature = created["upload"]["url"].as_str().unwrap();
    let signature = signature.rsplit_once('=').unwrap().1;
    for secret in ["private-name", signature, "X-Amz-Signature"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_file_that_exceeds_the_quota_of_a_whole_day_is_too_large() {
    let world = World::new().await;
    let limits = Limits {
        upload_bytes_per_day: 100,
        max_file_bytes: 1_000,
        ..Limits::default()
    };
    let kevin = world.kevin.at(&world.host().limits(limits).start().await);
    for (size, status) in [(101, 400), (100, 201)] {
        let form = format!("filename=a&file_size={size}");
        let response = kevin.tries_to_create_attachment(&form).await.is(status);
        let is_named = response.text.contains("at most 100 bytes");
        assert_eq!(is_named, status == 400, "{}", response.text);
    }
}

#[tokio::test]
async fn the_quota_of_uploads_is_counted_in_number_and_bytes() {
    let world = World::new().await;
    let limits = Limits {
        uploads_per_day: 3,
        upload_bytes_per_day: 100,
        max_file_bytes: 60,
        ..Limits::default()
    };
    let day = 24 * HOUR;
    let now = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(now - now % day + day - HOUR));
    let host = world.host().limits(limits).clock_at(&now).start().await;
    let (kevin, kate) = (world.kevin.at(&host), world.kate.at(&host));
    let begin = async |person: &Person, size: u64| {
        let form = format!("filename=a&file_size={size}");
        person.tries_to_create_attachment(&form).await
    };
    begin(&kevin, 61)
        .await
        .fails(400, "parameter_invalid", "file_size");
    begin(&kevin, 60).await.is(201);
    let refused = begin(&kevin, 60).await.fails(429, "quota_exceeded", ());
    assert!(
        refused.text.contains("at most 100 bytes a day"),
        "{}",
        refused.text
    );
    assert_eq!(refused.header("retry-after"), "3600");
    begin(&kevin, 39).await.is(201);
    begin(&kevin, 1).await.is(201);
    let refused = begin(&kevin, 1).await.fails(429, "quota_exceeded", ());
    assert!(
        refused.text.contains("at most 3 uploads a day"),
        "{}",
        refused.text
    );
    begin(&kate, 60).await.is(201);
    now.fetch_add(HOUR, Ordering::Relaxed);
    begin(&kevin, 60).await.is(201);
    // At once, it holds as well.
    now.fetch_add(day, Ordering::Relaxed);
    let uploads = (0..8).map(|_| begin(&kate, 30));
    let uploads = futures_util::future::join_all(uploads).await;
    let count = uploads.iter().filter(|upload| upload.status == 201).count();
    assert_eq!(count, 3, "{uploads:?}");
}
