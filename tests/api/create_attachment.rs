//! `POST /v1/attachments`

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::s3::{downloads_from_s3, headers_of, uploads_to_s3};
use crate::harness::{Json, World};

#[tokio::test]
async fn a_file_is_uploaded_sent_and_downloaded_by_another_participant() {
    let world = World::new().await;
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let id = world.kevin.uploads("house.jpg", &content).await;
    let sent = world.kevin.tries_to_send_files("Look", &[&id]).await;
    let message = sent.is(201).json();
    let read = world.kate.gets_message(message["id"].as_str().unwrap());
    let read = read.await.is(200).json();
    assert_eq!(read["attachments"], message["attachments"]);
    let attachment = &read["attachments"][0];
    let url = attachment["file_url"].as_str().unwrap();
    let path = url.strip_prefix(&world.kate.url).expect("a complete URL");
    let found = world.kate.gets(path).await.is(302);
    let file = downloads_from_s3(found.header("location")).await;
    assert_eq!(file.status, 200);
    assert!(file.content == content);
    assert_eq!(file.header("content-type"), "image/jpeg");
}

#[tokio::test]
async fn an_attachment_has_the_documented_keys() {
    let world = World::new().await;
    let created = world
        .kevin
        .tries_to_create_attachment("filename=a.txt&file_size=3&file_type=Text/Plain")
        .await
        .is(201);
    let location = created.header("location").to_owned();
    let mut created = created.json();
    let id = created["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/attachments/{id}"));
    assert_eq!(id.len(), 25);
    let upload = created["upload"].take();
    let created_at = created["created_at"].as_u64().unwrap();
    let file_url = format!("{}/v1/attachments/{id}/file", world.kevin.url);
    assert_eq!(
        created,
        json!({
            "id": id,
            "message_id": null,
            "filename": "a.txt",
            "file_url": file_url,
            "file_type": "text/plain",
            "file_size": 3,
            "created_at": created_at,
            "upload": null,
        })
    );
    let keys: BTreeSet<_> = upload.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys.into_iter().collect::<Vec<_>>(),
        ["expires_at", "headers", "method", "url"]
    );
    assert_eq!(upload["method"], "PUT");
    assert_eq!(
        upload["headers"],
        json!({"Content-Type": "text/plain", "If-None-Match": "*"})
    );
    let expires_at = upload["expires_at"].as_u64().unwrap();
    assert!((created_at + 900..=created_at + 901).contains(&expires_at));
}

#[tokio::test]
async fn an_upload_with_a_checksum_takes_only_the_bytes_with_that_checksum() {
    let world = World::new().await;
    let sum = Sha256::digest(b"right");
    let sum = sum
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let form = format!("filename=a&file_size=5&sha256={sum}");
    let created = world.kevin.tries_to_create_attachment(&form).await.is(201);
    let upload = &created.json()["upload"];
    let names: Vec<_> = headers_of(upload)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&"x-amz-checksum-sha256".to_owned()),
        "{names:?}"
    );
    assert_eq!(uploads_to_s3(upload, b"wrong").await, 400);
    let id = [created.json()["id"].as_str().unwrap().to_owned()];
    let not_ready = world.kevin.tries_to_send_files("", &id).await;
    not_ready.fails(409, "attachment_not_ready", "attachments[]");
    assert_eq!(uploads_to_s3(upload, b"right").await, 200);
    world.kevin.tries_to_send_files("", &id).await.is(201);
}

#[tokio::test]
async fn parameters_are_parsed_from_json_and_default_to_a_file_of_bytes() {
    let world = World::new().await;
    let body = json!({
        "conversation_id": world.conversation,
        "filename": "e\u{301}.bin",
        "file_size": 1,
        "file_type": null,
    });
    let created = world.kevin.posts("/v1/attachments", Json(body)).await;
    let created = created.is(201).json();
    assert_eq!(created["filename"], "\u{e9}.bin");
    assert_eq!(created["file_type"], "application/octet-stream");
}

#[tokio::test]
async fn an_invalid_parameter_is_named() {
    let world = World::new().await;
    let long = format!("filename={}&file_size=1", "a".repeat(256));
    for (form, code, param) in [
        ("file_size=1", "parameter_missing", "filename"),
        ("filename=a", "parameter_missing", "file_size"),
        ("filename=&file_size=1", "parameter_invalid", "filename"),
        ("filename=a/b&file_size=1", "parameter_invalid", "filename"),
        (
            "filename=a%0Ab&file_size=1",
            "parameter_invalid",
            "filename",
        ),
        (
            "filename=a%E2%80%AEb&file_size=1",
            "parameter_invalid",
            "filename",
        ),
        (&long, "parameter_invalid", "filename"),
        ("filename=a&file_size=0", "parameter_invalid", "file_size"),
        ("filename=a&file_size=-1", "parameter_invalid", "file_size"),
        ("filename=a&file_size=1.5", "parameter_invalid", "file_size"),
        (
            "filename=a&file_size=5368709121",
            "parameter_invalid",
            "file_size",
        ),
        (
            "filename=a&file_size=1&file_type=jpeg",
            "parameter_invalid",
            "file_type",
        ),
        (
            "filename=a&file_size=1&sha256=00",
            "parameter_invalid",
            "sha256",
        ),
        ("filename=a&file_size=1&size=1", "parameter_unknown", "size"),
    ] {
        let refused = world.kevin.tries_to_create_attachment(form).await;
        refused.fails(400, code, param);
    }
    let without_conversation = world
        .kevin
        .posts("/v1/attachments", "filename=a&file_size=1");
    let refused = without_conversation.await;
    refused.fails(400, "parameter_missing", "conversation_id");
}

#[tokio::test]
async fn only_participants_who_have_accepted_upload() {
    let world = World::new().await;
    let form = "filename=a&file_size=1";
    let buzz = world.buzz.within(world.conversation);
    let refused = buzz.tries_to_create_attachment(form).await;
    refused.fails(404, "conversation_not_found", "conversation_id");
    let refused = world.anonymous.tries_to_create_attachment(form).await;
    refused.fails(401, "token_missing", ());
    let group = world
        .kevin
        .creates_conversation(&[&world.buzz], "name=Brothers")
        .await;
    let buzz = world.buzz.within(group.conversation);
    let refused = buzz.tries_to_create_attachment(form).await;
    refused.fails(403, "conversation_pending", ());
    buzz.accepts().await;
    buzz.tries_to_create_attachment(form).await.is(201);
}

#[tokio::test]
async fn a_contact_that_the_other_one_of_two_has_blocked_uploads_nothing() {
    let world = World::new().await;
    let kevin = world.kevin.creates_conversation(&[&world.kate], "").await;
    let form = "filename=a&file_size=1";
    kevin.tries_to_create_attachment(form).await.is(201);
    world.kate.blocks(&world.kevin).await.is(204);
    let refused = kevin.tries_to_create_attachment(form).await;
    refused.fails(403, "not_accepting_messages", ());
    assert_eq!(kevin.lists_messages("").await.ids(), Vec::<String>::new());
}

#[tokio::test]
async fn ids_of_uploads_begun_at_once_differ() {
    let world = World::new().await;
    let form = "filename=a&file_size=1";
    let begun = (0..16).map(|_| world.kevin.tries_to_create_attachment(form));
    let begun = futures_util::future::join_all(begun).await;
    let ids: BTreeSet<_> = begun
        .into_iter()
        .map(|created| created.is(201).json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 16);
    assert_ne!(ids.first(), Some(&Value::Null.to_string()));
}
