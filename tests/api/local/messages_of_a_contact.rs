//! Lists of a contact's messages in large conversations.

use serde_json::json;
use shared::id::MessageId;
use shared::time::Micros;

use crate::harness::{Person, World};

/// Imports messages, a millisecond apart, of which each `one_in`th is by `rare`, the oldest included, and the others by
/// `often`. Returns the ids of those by `rare`, newest first.
fn imports(
    world: &World,
    count: usize,
    one_in: usize,
    rare: &Person,
    often: &Person,
) -> Vec<String> {
    let mut by_rare = Vec::new();
    let messages = (0..count).map(|number| {
        let created_at = Micros(1_000_000_000_000_000 + number as u64 * 1000);
        let is_rare = number % one_in == 0;
        let author = if is_rare { rare } else { often };
        if is_rare {
            by_rare.push(MessageId::new(created_at, world.conversation).to_string());
        }
        json!({
            "conversation_id": {"S": world.conversation},
            "created_at": {"N": created_at.0.to_string()},
            "contact_id": {"S": author.id},
            "message": {"S": number.to_string()},
            "version": {"N": "1"},
        })
    });
    world.import_items("MessagesTable", messages.collect());
    by_rare.reverse();
    by_rare
}

#[tokio::test]
async fn a_request_examines_at_most_5000_messages_and_its_link_continues() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    // All but the oldest of 12,001 messages are by Kate.
    let by_kevin = imports(&world, 12_001, 20_000, kevin, kate);
    let mut target = format!(
        "/v1/messages?conversation_id={}&contact_id={}&limit=10",
        kate.conversation, kevin.id
    );
    for _ in 0..2 {
        let page = kate.gets(&target).await.is(200);
        assert_eq!(page.json(), json!({"has_more": true, "data": []}));
        target = page.link("next").expect("a link");
    }
    let page = kate.gets(&target).await.is(200);
    assert_eq!(page.ids(), by_kevin);
    assert_eq!(page.json()["has_more"], false);

    // In the other direction: those after the oldest are all by Kate.
    let page = kate
        .lists_sent_by(kevin, &format!("ending_before={}", by_kevin[0]))
        .await;
    assert_eq!(page.json(), json!({"has_more": true, "data": []}));
    assert_eq!(page.link("next"), None);
    let page = kate.gets(&page.link("prev").unwrap()).await.is(200);
    assert_eq!(page.json(), json!({"has_more": true, "data": []}));
    let page = kate.gets(&page.link("prev").unwrap()).await.is(200);
    assert_eq!(page.json(), json!({"has_more": false, "data": []}));
}

#[tokio::test]
async fn following_the_links_finds_every_message_once() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let by_kevin = imports(&world, 6_400, 701, kevin, kate);
    for limit in [1, 3, 4, 100] {
        let mut target = Some(format!(
            "/v1/messages?conversation_id={}&contact_id={}&limit={limit}",
            kate.conversation, kevin.id
        ));
        let mut found = Vec::new();
        while let Some(next) = target {
            let page = kate.gets(&next).await.is(200);
            found.extend(page.ids());
            target = page.link("next");
            assert_eq!(page.json()["has_more"], target.is_some());
        }
        assert_eq!(found, by_kevin, "limit {limit}");
    }
}

#[tokio::test]
async fn pages_towards_newer_messages_and_times_find_the_same_messages() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let by_kevin = imports(&world, 6_400, 701, kevin, kate);
    let oldest = by_kevin.last().unwrap();
    let mut target = Some(format!(
        "/v1/messages?conversation_id={}&contact_id={}&limit=3&ending_before={oldest}",
        kate.conversation, kevin.id
    ));
    let mut found = vec![oldest.clone()];
    while let Some(next) = target {
        let page = kate.gets(&next).await.is(200);
        found.extend(page.ids().into_iter().rev());
        target = page
            .link("prev")
            .filter(|_| page.json()["has_more"] == true);
    }
    found.reverse();
    assert_eq!(found, by_kevin);

    // Of these messages, 1,402, 2,103 and 2,804 are of these two seconds.
    let query = "created_at[gte]=1000000001&created_at[lt]=1000000003";
    let page = kate.lists_sent_by(kevin, query).await;
    let oldest = by_kevin.len() - 1;
    assert_eq!(page.ids(), by_kevin[oldest - 4..oldest - 1]);
    assert_eq!(page.json()["has_more"], false);
    let later = kate.lists_sent_by(kevin, "created_at[gte]=1000000007");
    assert_eq!(later.await.ids(), [""; 0]);
}
