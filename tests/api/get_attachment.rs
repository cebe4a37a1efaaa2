//! `GET /v1/attachments/:id`

use crate::harness::World;
use crate::harness::s3::downloads_from_s3;

#[tokio::test]
async fn an_attachment_is_shown_with_a_url_of_its_file_for_five_minutes() {
    let world = World::new().await;
    let id = world.kevin.uploads("house.jpg", b"bytes").await;
    let sent = world.kevin.tries_to_send_files("", &[&id]).await;
    let message = sent.is(201).json();
    let response = world.linnie.gets_attachment(&id).await.is(200);
    let mut attachment = response.json();
    let url = attachment["download_url"].take();
    let file = downloads_from_s3(url.as_str().unwrap()).await;
    assert_eq!((file.status.as_u16(), &*file.content), (200, &b"bytes"[..]));
    assert!(
        url.as_str().unwrap().contains("X-Amz-Expires=300&"),
        "{url}"
    );
    let expires_at = attachment["download_expires_at"].take();
    let now = shared::time::Seconds::from(shared::time::Clock::system().now()).0;
    assert!((now + 290..=now + 300).contains(&expires_at.as_u64().unwrap()));
    let object = attachment.as_object_mut().unwrap();
    object.retain(|name, _| !name.starts_with("download_"));
    assert_eq!(attachment, message["attachments"][0]);
    assert_eq!(attachment["message_id"], message["id"]);
}

#[tokio::test]
async fn a_pending_attachment_is_shown_only_to_who_uploads_it() {
    let world = World::new().await;
    let id = world.kevin.uploads("house.jpg", b"bytes").await;
    let own = world.kevin.gets_attachment(&id).await.is(200).json();
    assert!(own["message_id"].is_null(), "{own}");
    let mut refusals = Vec::new();
    let unknown = format!("000000000{}", world.conversation);
    for (person, id) in [
        (&world.kate, id.as_str()),
        (&world.buzz, &id),
        (&world.kevin, &unknown),
        (&world.kevin, "0000000000000000000000000"),
        (&world.kevin, "nonsense"),
    ] {
        let refused = person.gets_attachment(id).await;
        let refused = refused.fails(404, "attachment_not_found", "id");
        let mut body = refused.json();
        body["request_id"].take();
        refusals.push(body);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
}
