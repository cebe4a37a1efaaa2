//! `GET /v1/messages/:id/edits`, in a deployment that records edits.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use shared::key::Scope;
use shared::time::Micros;

use crate::harness::{Person, Proxy, World};

impl Person {
    /// The texts of the recorded edits of a message, newest first.
    async fn lists_edits(&self, id: &str) -> Vec<String> {
        let path = format!("/v1/messages/{id}/edits");
        let page = self.gets(&path).await.is(200).json();
        assert_eq!(page["has_more"], false);
        let edits = page["data"].as_array().unwrap().iter();
        edits
            .map(|edit| edit["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Kevin at a host that records edits.
async fn recorded_kevin(world: &World) -> Person {
    world.kevin.at(&world.host().records_edits().start().await)
}

#[tokio::test]
async fn the_edits_of_a_message_are_what_it_said_before() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("one").await;
    assert_eq!(world.kate.lists_edits(&id).await, [""; 0]);
    let message = kevin.gets_message(&id).await.is(200).json();
    assert_eq!(message["edited_at"], Value::Null);

    for text in ["two", "three"] {
        let form = format!("message={text}");
        kevin.updates_message(&id, form).await.is(200);
    }
    // Nothing else is an edit, nor is the same text again.
    world.kate.reacts(&id, "heart").await.is(200);
    let changes = "message=three&is_pinned=true&metadata[a]=b";
    let message = kevin.updates_message(&id, changes).await.is(200).json();

    assert_eq!(message["message"], "three");
    assert!(message["edited_at"].is_u64());
    assert_eq!(world.kate.lists_edits(&id).await, ["two", "one"]);
    let path = format!("/v1/messages/{id}/edits");
    let page = world.linnie.gets(&path).await.is(200).json();
    assert_eq!(page["data"][0]["edited_at"], message["edited_at"]);
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn edits_are_not_recorded_by_default_and_stay_once_they_were() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("one").await;
    world
        .kevin
        .updates_message(&id, "message=two")
        .await
        .is(200);
    assert_eq!(kevin.lists_edits(&id).await, [""; 0]);
    let edited = world.kevin.gets_message(&id).await.is(200).json();
    assert!(edited["edited_at"].is_u64());
    kevin.updates_message(&id, "message=three").await.is(200);
    world
        .kevin
        .updates_message(&id, "message=four")
        .await
        .is(200);
    assert_eq!(world.kevin.lists_edits(&id).await, ["two"]);
}

#[tokio::test]
async fn a_message_keeps_its_last_twenty_edits() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("0").await;
    for number in 1..=25 {
        let form = format!("message={number}");
        kevin.updates_message(&id, form).await.is(200);
    }
    let last: Vec<_> = (5..25).rev().map(|number| number.to_string()).collect();
    assert_eq!(kevin.lists_edits(&id).await, last);
    assert_eq!(world.items("EditsTable").len(), 20);
    kevin.deletes_message(&id).await.is(204);
    assert_eq!(world.items("EditsTable"), Vec::<Value>::new());
}

#[tokio::test]
async fn concurrent_edits_are_all_recorded_once() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("0").await;
    let forms = (1..=15).map(|number| format!("message={number}"));
    let edits = forms.map(|form| kevin.updates_message(&id, form));
    let reactions = (0..5).map(|number| {
        let emoji = format!("e{number}");
        let (kate, id) = (&world.kate, &id);
        async move { kate.reacts(id, &emoji).await }
    });
    let (edited, reacted) = futures_util::join!(join_all(edits), join_all(reactions));
    for response in edited.into_iter().chain(reacted) {
        response.is(200);
    }
    let mut texts = kevin.lists_edits(&id).await;
    assert_eq!(texts.last().map(String::as_str), Some("0"));
    let current = kevin.gets_message(&id).await.is(200).json()["message"].clone();
    texts.push(current.as_str().unwrap().to_owned());
    // Their order is that in which they were made, which only DynamoDB knows.
    texts.sort_by_key(|text| text.parse::<u64>().unwrap());
    let all: Vec<_> = (0..=15).map(|number: u64| number.to_string()).collect();
    assert_eq!(texts, all);
}

#[tokio::test]
async fn an_edit_that_is_refused_is_not_recorded() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("one").await;
    let kate = world.kate.at(&kevin.url);
    kate.updates_message(&id, "message=mine")
        .await
        .fails(403, "not_the_author", "message");
    let tag = "\"7-0000000000000000\"";
    kevin
        .updates_message_if_match(&id, tag, "message=two")
        .await
        .fails(412, "precondition_failed", "If-Match");
    let file = kate.uploads("a", b"a").await;
    let form = format!("message=two&attachments[]={file}");
    kevin.updates_message(&id, form).await.is(404);
    assert_eq!(kevin.lists_edits(&id).await, [""; 0]);
    assert_eq!(world.items("EditsTable"), Vec::<Value>::new());
}

#[tokio::test]
async fn only_participants_and_moderators_see_edits() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let id = kevin.sends("one").await;
    kevin.updates_message(&id, "message=two").await.is(200);
    let path = format!("/v1/messages/{id}/edits");
    world
        .buzz
        .gets(&path)
        .await
        .fails(404, "message_not_found", "id");
    world.anonymous.gets(&path).await.is(401);
    let moderator = world.new_server(&[Scope::Moderate, Scope::Export]).await;
    assert_eq!(moderator.lists_edits(&id).await, ["one"]);
    let trail = moderator.gets("/v1/audit").await.is(200).json();
    assert_eq!(trail["data"][0]["operation"], "list-edits");
    assert_eq!(trail["data"][0]["target"], json!(id));
    let other = world.new_server(&[Scope::Contacts]).await;
    other.gets(&path).await.fails(403, "scope_missing", ());
    kevin.deletes_message(&id).await.is(204);
    kevin
        .gets(&path)
        .await
        .fails(404, "message_not_found", "id");
}

#[tokio::test]
async fn nothing_is_left_of_edits_once_the_message_the_conversation_or_the_author_is_gone() {
    let world = World::new().await;
    let kevin = recorded_kevin(&world).await;
    let server = world.new_server(&[Scope::Contacts, Scope::Moderate]).await;
    let edits = async |person: &Person| {
        let id = person.sends("one").await;
        person.updates_message(&id, "message=two").await.is(200);
        id
    };
    // A message that a moderator deletes.
    let id = edits(&kevin).await;
    server.deletes_message(&id).await.is(204);
    assert_eq!(world.items("EditsTable"), Vec::<Value>::new());

    // A conversation whose last participant leaves.
    let alone = kevin
        .creates_conversation(&[&world.kate], "name=Alone")
        .await;
    edits(&alone).await;
    alone.leaves_conversation().await.is(204);
    assert_eq!(world.items("EditsTable").len(), 1);
    let last = world.kate.within(alone.conversation);
    last.leaves_conversation().await.is(204);
    assert_eq!(world.items("EditsTable"), Vec::<Value>::new());

    // A contact that is erased.
    edits(&kevin).await;
    let of_kate = edits(&world.kate.at(&kevin.url)).await;
    let path = format!("/v1/contacts/{}", kevin.id);
    let mut proof = server.deletes(&path).await;
    while proof.status == 202 {
        proof = server.deletes(&path).await;
    }
    assert_eq!(proof.is(200).json()["erased"]["edits"], 1);
    assert_eq!(world.items("EditsTable").len(), 1);
    assert_eq!(world.kate.lists_edits(&of_kate).await, ["one"]);
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn a_message_to_ninety_with_all_that_a_message_can_have_is_deleted_with_its_edits() {
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let url = world.host().records_edits().start().await;
    let sender = crowd[0].at(&url);
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(sender.uploads(&number.to_string(), b"x").await);
    }
    let sent = sender.tries_to_send_files("0", &ids).await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    // With the message, its pin and attachments, and 90 inbox entries, 102 items: more than a transaction takes.
    for number in 1..=2 {
        let form = format!("message={number}&is_pinned=true");
        sender.updates_message(&id, form).await.is(200);
    }
    assert_eq!(world.items("EditsTable").len(), 2);
    // Refused, and nothing is lost.
    let path = format!("/v1/messages/{id}");
    let old = [("if-match", "\"1-0000000000000000\"")];
    let refused = sender.requests(Method::DELETE, &path, &old, ()).await;
    refused.fails(412, "precondition_failed", "If-Match");
    assert_eq!(sender.lists_edits(&id).await, ["1", "0"]);
    sender.deletes_message(&id).await.is(204);
    for table in ["EditsTable", "InboxTable", "MessagesTable"] {
        assert_eq!(world.items(table), Vec::<Value>::new(), "{table}");
    }
    world.settles().await;
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn a_deletion_that_fails_because_the_message_changes_meanwhile_keeps_its_edits() {
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let url = world.host().records_edits().start().await;
    let sender = crowd[0].at(&url);
    let sent = sender.tries_to_send("0").await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    for number in 1..=10 {
        let form = format!("message={number}");
        sender.updates_message(&id, form).await.is(200);
    }
    let tag = sender.gets_message(&id).await.is(200);
    let tag = tag.header("etag").to_owned();
    let proxy = Proxy::start(world.engine()).await;
    let deleting = crowd[0].at(&world.host().proxy(proxy.url()).start().await);
    let mut transaction = proxy.hold("TransactWriteItems");
    let path = format!("/v1/messages/{id}");
    let deletion = tokio::spawn(async move {
        let if_match = [("if-match", tag.as_str())];
        deleting
            .requests(Method::DELETE, &path, &if_match, ())
            .await
    });
    transaction.arrives().await;
    crowd[1].reacts(&id, "heart").await.is(200);
    transaction.release();
    let refused = deletion.await.unwrap();
    refused.fails(412, "precondition_failed", "If-Match");
    assert_eq!(sender.lists_edits(&id).await.len(), 10);
}

#[tokio::test]
async fn edits_of_the_same_moment_are_listed_in_their_order() {
    let world = World::new().await;
    let host = || world.host().records_edits();
    let now = Micros(5_000_000_000_000_000);
    let kevin = world.kevin.at(&host().clock(move || now).start().await);
    let id = kevin.sends("0").await;
    for number in 1..=23 {
        let form = format!("message={number}");
        kevin.updates_message(&id, form).await.is(200);
    }
    let last: Vec<_> = (3..23).rev().map(|number| number.to_string()).collect();
    assert_eq!(kevin.lists_edits(&id).await, last);
}
