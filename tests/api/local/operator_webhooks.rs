//! Webhooks of the operator: the events of all conversations, and the recipients of messages.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use shared::key::Scope;
use shared::time::Clock;

use super::sockets::opens_as;
use super::webhooks::{after, hooks, id, world};
use crate::harness::{Person, Received, Receiver, World};

/// A server key that can do everything, whose webhook posts to the receiver.
async fn operator_hooks(world: &World) -> (Person, Receiver) {
    let server = world.new_server(&Scope::ALL).await;
    let receiver = Receiver::start().await;
    hooks(&server, &receiver).await;
    (server, receiver)
}

/// The types of what was posted, sorted.
fn types(posted: &[Received]) -> Vec<String> {
    let mut types: Vec<_> = posted.iter().map(Received::event_type).collect();
    types.sort();
    types
}

/// The usernames of the recipients of the only event, and whether they are online.
async fn recipients(world: &World, receiver: &Receiver) -> BTreeSet<(String, bool)> {
    world.delivers().await;
    let [posted] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    let people = [&world.kevin, &world.kate, &world.linnie, &world.buzz];
    let body = posted.json();
    assert_eq!(body["type"], "message.created");
    let recipients = body["recipients"].as_array().unwrap().iter();
    let recipients = recipients.map(|recipient| {
        let is_one = |person: &&&Person| recipient["contact_id"] == json!(person.id);
        let person = people.iter().find(is_one).unwrap();
        (person.username.clone(), recipient["is_online"] == true)
    });
    recipients.collect()
}

#[tokio::test]
async fn the_operator_gets_each_change_of_all_conversations_once() {
    let world = world().await;
    let (_server, receiver) = operator_hooks(&world).await;
    let hello = world.kevin.sends("hello").await;
    world.delivers().await;
    let [created] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    let message = created.json()["data"]["message"].clone();
    assert_eq!(
        (&message["id"], &message["message"]),
        (&json!(hello), &json!("hello"))
    );
    world.kate.reacts(&hello, "heart").await.is(200);
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), ["message.updated"]);
    world.kevin.deletes_message(&hello).await.is(204);
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), ["message.deleted"]);

    let others = [&world.buzz, &world.linnie];
    let band = world.kate.creates_conversation(&others, "name=Band").await;
    world.delivers().await;
    let [created] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    let conversation = created.json()["data"]["conversation"].clone();
    assert_eq!(created.event_type(), "conversation.created");
    assert_eq!(conversation["name"], "Band");
    assert_eq!(conversation["contacts"].as_array().unwrap().len(), 3);
    // A participant's own settings are nobody else's business.
    band.updates_conversation("is_muted=true").await.is(200);
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), [""; 0]);
    band.updates_conversation("name=Choir").await.is(200);
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), ["conversation.updated"]);
    for _ in 0..5 {
        band.sends("la").await;
    }
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), ["message.created"; 5]);
    for person in [&world.buzz, &world.linnie] {
        let leaving = person.within(band.conversation);
        leaving.leaves_conversation().await.is(204);
    }
    world.delivers().await;
    // Both at once, as they were published together.
    assert_eq!(types(&receiver.takes()), ["conversation.updated"]);
    band.leaves_conversation().await.is(204);
    world.delivers().await;
    // Not of each of its messages.
    assert_eq!(types(&receiver.takes()), ["conversation.deleted"]);
}

#[tokio::test]
async fn a_new_message_has_recipients_who_want_to_know_and_may() {
    let world = world().await;
    let (server, receiver) = operator_hooks(&world).await;
    let group = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie, &world.buzz], "name=Home")
        .await;
    let within = |person: &Person| person.within(group.conversation);
    for person in [&world.kate, &world.linnie, &world.buzz] {
        within(person).accepts().await.is(200);
    }
    world.delivers().await;
    receiver.takes();
    let (kate, linnie, buzz) = (&world.kate, &world.linnie, &world.buzz);
    let names = |people: &[(&Person, bool)]| {
        let people = people.iter();
        let names = people.map(|(person, is_online)| (person.username.clone(), *is_online));
        names.collect::<BTreeSet<_>>()
    };
    group.sends("hello").await;
    let all = recipients(&world, &receiver).await;
    assert_eq!(all, names(&[(kate, false), (linnie, false), (buzz, false)]));

    let socket = opens_as(&world, kate).await;
    within(linnie)
        .updates_conversation("is_muted=true")
        .await
        .is(200);
    group.sends("hello").await;
    let all = recipients(&world, &receiver).await;
    assert_eq!(all, names(&[(kate, true), (buzz, false)]));
    drop(socket);

    buzz.blocks(&world.kevin).await.is(204);
    group.sends("hello").await;
    let all = recipients(&world, &receiver).await;
    assert_eq!(
        all.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        [&kate.username]
    );

    let suspend = format!("/v1/contacts/{}", kate.id);
    server.puts(&suspend, "suspended=true").await.is(200);
    group.sends("hello").await;
    assert_eq!(recipients(&world, &receiver).await, BTreeSet::new());
}

/// A stranger must not be able to make a phone ring.
#[tokio::test]
async fn who_has_not_accepted_a_conversation_is_not_notified() {
    let world = world().await;
    let (_server, receiver) = operator_hooks(&world).await;
    let stranger = world.new_person("stranger").await;
    let request = stranger.creates_conversation(&[&world.kate], "").await;
    world.delivers().await;
    receiver.takes();
    request.sends("hello").await;
    assert_eq!(recipients(&world, &receiver).await, BTreeSet::new());
    world
        .kate
        .within(request.conversation)
        .accepts()
        .await
        .is(200);
    world.delivers().await;
    receiver.takes();
    request.sends("hello again").await;
    let all = recipients(&world, &receiver).await;
    assert_eq!(all, BTreeSet::from([(world.kate.username.clone(), false)]));
}

#[tokio::test]
async fn only_new_messages_have_recipients_and_only_for_the_operator() {
    let world = world().await;
    let (_server, operators) = operator_hooks(&world).await;
    let contacts = Receiver::start().await;
    hooks(&world.kate, &contacts).await;
    let message = world.kevin.sends("hello").await;
    world.delivers().await;
    assert!(operators.takes()[0].json()["recipients"].is_array());
    assert_eq!(contacts.takes()[0].json()["recipients"], Value::Null);
    world.kevin.deletes_message(&message).await.is(204);
    world.delivers().await;
    assert_eq!(operators.takes()[0].json()["recipients"], Value::Null);
}

#[tokio::test]
async fn the_external_id_tells_the_operator_who_a_recipient_is() {
    let world = world().await;
    let (server, receiver) = operator_hooks(&world).await;
    let external_id = format!("user-{}", world.kate.id);
    let path = format!("/v1/contacts/{}", world.kate.id);
    server
        .puts(&path, format!("external_id={external_id}"))
        .await
        .is(200);
    world.kevin.sends("hello").await;
    world.delivers().await;
    let body = receiver.takes()[0].json();
    let recipients = body["recipients"].as_array().unwrap().iter();
    let kate = recipients
        .clone()
        .find(|one| one["contact_id"] == json!(world.kate.id));
    assert_eq!(kate.unwrap()["external_id"], *external_id);
}

#[tokio::test]
async fn messages_that_were_read_are_updated_and_more_than_a_hundred_together() {
    let world = world().await;
    let (_server, receiver) = operator_hooks(&world).await;
    let mut newest = String::new();
    for _ in 0..3 {
        newest = world.kevin.sends("hello").await;
    }
    world.delivers().await;
    receiver.takes();
    let read = format!("read_up_to={newest}");
    world.kate.updates_conversation(&read).await.is(200);
    world.delivers().await;
    assert_eq!(types(&receiver.takes()), ["message.updated"; 3]);
    for _ in 0..101 {
        newest = world.kevin.sends("hello").await;
    }
    world.delivers().await;
    world.delivers_due(after(Duration::from_mins(2))).await;
    receiver.takes();
    let read = format!("read_up_to={newest}");
    world.kate.updates_conversation(&read).await.is(200);
    world.delivers().await;
    let [posted] = &receiver.takes()[..] else {
        panic!("one delivery");
    };
    assert_eq!(posted.event_type(), "resync");
    assert_eq!(
        posted.json()["data"]["conversation_id"],
        json!(world.conversation)
    );
}

#[tokio::test]
async fn the_webhooks_of_the_operator_and_of_contacts_are_apart() {
    let world = world().await;
    let server = world.new_server(&[Scope::Webhooks]).await;
    let receiver = Receiver::start().await;
    let operators = hooks(&server, &receiver).await;
    let kates = hooks(&world.kate, &receiver).await;
    for (person, webhook) in [(&server, &operators), (&world.kate, &kates)] {
        let list = person.gets("/v1/webhooks").await.is(200);
        assert_eq!(list.ids(), [id(webhook)]);
    }
    for (person, webhook) in [(&world.kate, &operators), (&server, &kates)] {
        let path = format!("/v1/webhooks/{}", id(webhook));
        let theirs = person.gets(&path).await;
        theirs.fails(404, "webhook_not_found", "id");
        let theirs = person.deletes(&path).await;
        theirs.fails(404, "webhook_not_found", "id");
    }
    let lacking = world.new_server(&[Scope::Moderate]).await;
    let refused = lacking.gets("/v1/webhooks").await;
    refused.fails(403, "scope_missing", Value::Null);
    let path = format!("/v1/webhooks/{}", id(&operators));
    server.deletes(&path).await.is(204);
    world.kevin.sends("hello").await;
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 1);
}

#[tokio::test]
async fn what_changes_a_webhook_of_the_operator_is_in_the_audit_trail() {
    let world = world().await;
    let auditor = world.new_server(&[Scope::Export]).await;
    let (key, server) = world.new_server_key(&[Scope::Webhooks]).await;
    let receiver = Receiver::start().await;
    let webhook = hooks(&server, &receiver).await;
    let path = format!("/v1/webhooks/{}", id(&webhook));
    server.gets(&path).await.is(200);
    server.puts(&path, "is_enabled=true").await.is(200);
    let moved = format!("url={}/moved", receiver.url());
    server.puts(&path, &*moved).await.is(200);
    server.posts(&format!("{path}/secret"), ()).await.is(200);
    let test = server
        .posts(&format!("{path}/test"), ())
        .await
        .is(202)
        .json();
    let replay = format!("ids[]={}", test["id"].as_str().unwrap());
    server
        .posts(&format!("{path}/replay"), replay)
        .await
        .is(202);
    server.deletes(&path).await.is(204);
    let entries = auditor.gets("/v1/audit?limit=100").await.is(200).json();
    let entries = entries["data"].as_array().unwrap().iter().rev();
    let entries = entries.filter(|entry| entry["key_id"] == json!(key));
    let entries: Vec<_> = entries
        .map(|entry| ["operation", "target", "detail"].map(|name| entry[name].clone()))
        .collect();
    let (url, moved) = (json!(receiver.url()), json!(moved.strip_prefix("url=")));
    let expected = [
        ("create-webhook", url),
        ("update-webhook", Value::Null),
        ("update-webhook", moved),
        ("rotate-webhook-secret", Value::Null),
        ("replay-deliveries", json!("1")),
        ("delete-webhook", Value::Null),
    ];
    let expected =
        expected.map(|(operation, detail)| [json!(operation), webhook["id"].clone(), detail]);
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn the_operator_cannot_be_erased_as_a_contact() {
    let world = world().await;
    let (server, receiver) = operator_hooks(&world).await;
    let erased = server.deletes("/v1/contacts/0000000000000000").await;
    erased.fails(404, "contact_not_found", "id");
    world.kevin.sends("hello").await;
    world.delivers().await;
    assert_eq!(receiver.takes().len(), 1);
}

/// An attempt that comes late, or a replay, notifies nobody of what is no news.
#[tokio::test]
async fn who_has_read_a_message_or_joined_later_is_not_notified_of_it() {
    let world = world().await;
    let (_server, receiver) = operator_hooks(&world).await;
    let group = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let within = |person: &Person| person.within(group.conversation);
    for person in [&world.kate, &world.linnie] {
        within(person).accepts().await.is(200);
    }
    world.delivers().await;
    receiver.takes();
    let sent = group.sends("hello").await;
    world.settles().await;
    within(&world.kate)
        .updates_conversation(&format!("read_up_to={sent}"))
        .await
        .is(200);
    group.adds_participant(&world.buzz).await.is(200);
    within(&world.buzz).accepts().await.is(200);
    world.delivers_due(after(Duration::from_mins(2))).await;
    let posted = receiver.takes();
    let created = posted
        .iter()
        .find(|one| one.event_type() == "message.created");
    let recipients = created.unwrap().json()["recipients"].clone();
    let recipients = recipients.as_array().unwrap().iter();
    let ids: Vec<_> = recipients.map(|one| one["contact_id"].clone()).collect();
    assert_eq!(ids, [json!(world.linnie.id)]);
}

#[tokio::test]
async fn a_webhook_of_the_operator_is_not_disabled_by_its_receiver() {
    let world = world().await;
    let (server, receiver) = operator_hooks(&world).await;
    world.kevin.sends("hello").await;
    receiver.responds(410, &[]);
    world.delivers().await;
    world.delivers_due(after(Duration::from_hours(1))).await;
    assert_eq!(receiver.takes().len(), 2);
    let later = after(Duration::from_hours(6 * 24));
    let store = world.store().clone().with_clock(Clock::new(move || later));
    world.kevin.sends("six days later").await;
    world.delivers_with(&store).await;
    world
        .delivers_due(after(Duration::from_hours(6 * 24 + 1)))
        .await;
    let list = server.gets("/v1/webhooks").await.is(200).json();
    assert_eq!(list["data"][0]["is_enabled"], true);
    receiver.responds(204, &[]);
    receiver.takes();
    world
        .delivers_due(after(Duration::from_hours(7 * 24)))
        .await;
    assert!(!receiver.takes().is_empty());
}
