//! `GET /v1/messages?conversation_id=…&contact_id=…`

use serde_json::{Value, json};
use shared::id::ContactId;
use shared::key::Scope;

use crate::harness::{Person, Response, World};

impl Person {
    pub async fn lists_sent_by(&self, other: &Person, query: &str) -> Response {
        let query = format!("contact_id={}&{query}", other.id);
        self.lists_messages(&query).await.is(200)
    }
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
    assert_eq!(page.link("next"), None);
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
    let unknown = kate.with_id(ContactId::random());
    for other in [&world.linnie, &unknown] {
        let page = kate.lists_sent_by(other, "").await;
        assert_eq!(page.json(), json!({"has_more": false, "data": []}));
    }
    // What a former participant sent stays.
    kevin.leaves_conversation().await.is(204);
    assert_eq!(kate.lists_sent_by(kevin, "").await.ids(), by_kevin[1..]);
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
