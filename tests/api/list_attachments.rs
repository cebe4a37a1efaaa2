//! `GET /v1/attachments`

use crate::harness::{Person, World};

async fn sends(person: &Person, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(person.uploads(&format!("{number}.jpg"), b"x").await);
    }
    person.tries_to_send_files("", &ids).await.is(201);
    ids
}

#[tokio::test]
async fn what_has_been_sent_is_listed_in_pages_newest_first() {
    let world = World::new().await;
    let mut sent = sends(&world.kevin, 2).await;
    world.kate.uploads("pending", b"x").await;
    sent.extend(sends(&world.kate, 3).await);
    world.kevin.uploads("pending", b"x").await;
    world.kevin.sends("without").await;
    sent.reverse();
    let all = world.linnie.lists_attachments("limit=100").await.is(200);
    assert_eq!(all.ids(), sent);
    let (kate, linnie) = (&world.kate, &world.linnie);
    let first = &all.json()["data"][0];
    assert_eq!(*first, {
        let mut shown = kate.gets_attachment(&sent[0]).await.json();
        let keys = shown.as_object_mut().unwrap();
        keys.remove("download_url");
        keys.remove("download_expires_at");
        shown
    });
    let mut listed = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = linnie.lists_attachments(&query).await.is(200);
        listed.extend(page.ids());
        if page.json()["has_more"] == false {
            break;
        }
        query = format!("limit=2&starting_after={}", listed.last().unwrap());
    }
    assert_eq!(listed, sent);
    let query = format!("limit=2&ending_before={}", sent[3]);
    let newer = linnie.lists_attachments(&query).await.is(200);
    assert_eq!(newer.ids(), sent[1..3]);
    assert!(newer.header("link").contains("rel=\"next\""));
}

#[tokio::test]
async fn a_cursor_need_not_exist_any_more() {
    let world = World::new().await;
    let sent = sends(&world.kevin, 3).await;
    world.kevin.deletes_attachment(&sent[1]).await.is(204);
    let query = format!("starting_after={}", sent[1]);
    let page = world.kate.lists_attachments(&query).await.is(200);
    assert_eq!(page.ids(), [sent[0].clone()]);
}

#[tokio::test]
async fn a_conversation_is_required_and_the_cursor_is_of_it() {
    let world = World::new().await;
    let kate = &world.kate;
    kate.gets("/v1/attachments")
        .await
        .fails(400, "parameter_missing", "conversation_id");
    let elsewhere = "0".repeat(25);
    for param in ["starting_after", "ending_before"] {
        let query = format!("{param}={elsewhere}");
        let refused = kate.lists_attachments(&query).await;
        refused.fails(400, "parameter_invalid", param);
    }
    let outside = world.buzz.within(world.conversation);
    let refused = outside.lists_attachments("").await;
    refused.fails(404, "conversation_not_found", "conversation_id");
}
