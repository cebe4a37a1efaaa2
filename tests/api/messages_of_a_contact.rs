//! `GET /v1/messages?conversation_id=…&contact_id=…`

use serde_json::{Value, json};
use shared::id::{ContactId, MessageId};
use shared::key::Scope;
use shared::time::Micros;

use crate::harness::{Person, Response, World};

impl Person {
    async fn lists_sent_by(&self, other: &Person, query: &str) -> Response {
        let query = format!("contact_id={}&{query}", other.id);
        self.lists_messages(&query).await.is(200)
    }
}

/// The target of the `Link` with this relation.
fn link(page: &Response, rel: &str) -> Option<String> {
    let suffix = format!(">; rel=\"{rel}\"");
    let mut links = page.header("link").split(", ");
    let target = links.find_map(|link| link.strip_suffix(&suffix));
    target.map(|link| link[1..].to_owned())
}

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
async fn the_list_has_only_what_the_contact_sent() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let mut by_kevin = Vec::new();
    for number in 0..5 {
        by_kevin.push(kevin.sends(&number.to_string()).await);
        kate.sends("from Kate").await;
    }
    by_kevin.reverse();
    let all = kate.lists_messages("").await.is(200).json();
    let page = kate.lists_sent_by(kevin, "").await;
    assert_eq!(page.ids(), by_kevin);
    assert_eq!(page.json()["data"][0], all["data"][1]);
    assert_eq!(page.json()["has_more"], false);
    assert_eq!(link(&page, "next"), None);
    let page = kate.lists_sent_by(kevin, "limit=2").await;
    assert_eq!(page.ids(), by_kevin[..2]);
    assert_eq!(page.json()["has_more"], true);
    let query = format!("limit=2&starting_after={}", by_kevin[1]);
    let page = kate.lists_sent_by(kevin, &query).await;
    assert_eq!(page.ids(), by_kevin[2..4]);
    let query = format!("limit=2&ending_before={}", by_kevin[3]);
    let page = kate.lists_sent_by(kevin, &query).await;
    assert_eq!(page.ids(), by_kevin[1..3]);
    assert_eq!(page.json()["has_more"], true);
    kevin.deletes_message(&by_kevin[0]).await.is(204);
    assert_eq!(kate.lists_sent_by(kevin, "").await.ids(), by_kevin[1..]);
    // One who has sent nothing, and one who does not exist.
    let nobody = kate.with_id(ContactId::random());
    for other in [&world.linnie, &nobody] {
        let page = kate.lists_sent_by(other, "").await;
        assert_eq!(page.json(), json!({"has_more": false, "data": []}));
    }
    // What a former participant sent stays.
    kevin.leaves_conversation().await.is(204);
    assert_eq!(kate.lists_sent_by(kevin, "").await.ids(), by_kevin[1..]);
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
        target = link(&page, "next").expect("a link");
    }
    let page = kate.gets(&target).await.is(200);
    assert_eq!(page.ids(), by_kevin);
    assert_eq!(page.json()["has_more"], false);

    // In the other direction: those after the oldest are all by Kate.
    let page = kate
        .lists_sent_by(kevin, &format!("ending_before={}", by_kevin[0]))
        .await;
    assert_eq!(page.json(), json!({"has_more": true, "data": []}));
    assert_eq!(link(&page, "next"), None);
    let page = kate.gets(&link(&page, "prev").unwrap()).await.is(200);
    assert_eq!(page.json(), json!({"has_more": true, "data": []}));
    let page = kate.gets(&link(&page, "prev").unwrap()).await.is(200);
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
            target = link(&page, "next");
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
        target = link(&page, "prev").filter(|_| page.json()["has_more"] == true);
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

#[tokio::test]
async fn only_participants_and_moderators_can_filter() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("one").await;
    world.kate.sends("two").await;
    let query = format!("contact_id={}", kevin.id);
    world
        .buzz
        .within(world.conversation)
        .lists_messages(&query)
        .await
        .fails(404, "conversation_not_found", "conversation_id");
    let moderator = world.new_server(&[Scope::Moderate]).await;
    let moderator = moderator.within(world.conversation);
    assert_eq!(moderator.lists_sent_by(kevin, "").await.ids(), [id]);
}

#[tokio::test]
async fn a_server_key_names_the_contact_by_its_external_id_as_well() {
    let world = World::new().await;
    let server = world
        .new_server(&[Scope::Contacts, Scope::Conversations, Scope::Moderate])
        .await;
    let external_id = format!("user-{}", world.kevin.id);
    let form = format!("external_id={external_id}");
    let path = format!("/v1/contacts/{}", world.kevin.id);
    server.puts(&path, form).await.is(200);
    let id = world.kevin.sends("one").await;
    world.kate.sends("two").await;
    let query = format!("contact_id=external:{external_id}");
    let as_kate = server
        .on_behalf_of(world.kate.id)
        .within(world.conversation);
    let moderator = server.within(world.conversation);
    for person in [&as_kate, &moderator] {
        let page = person.lists_messages(&query).await.is(200);
        assert_eq!(page.ids(), [id.as_str()]);
    }
    let unknown = "contact_id=external:nobody";
    let page = moderator.lists_messages(unknown).await.is(200);
    assert_eq!(page.json()["data"], Value::Array(Vec::new()));
    world
        .kate
        .lists_messages(&query)
        .await
        .fails(400, "parameter_invalid", "contact_id");
}

#[tokio::test]
async fn the_contact_of_the_filter_must_be_an_id_and_needs_a_conversation() {
    let world = World::new().await;
    let kevin = &world.kevin;
    kevin
        .lists_messages("contact_id=kevin")
        .await
        .fails(400, "parameter_invalid", "contact_id");
    kevin
        .lists_inbox(&format!("contact_id={}", kevin.id))
        .await
        .fails(400, "parameter_missing", "conversation_id");
}
