//! What a server key with the scope `moderate` can do in conversations that it does not participate in, and reports.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use shared::key::Scope;

use crate::harness::{Person, World};

async fn moderator(world: &World) -> Person {
    let moderator = world.new_server(&[Scope::Moderate]).await;
    moderator.within(world.conversation)
}

impl Person {
    async fn reports(&self, message: &str, reason: &str) -> Value {
        let path = format!("/v1/messages/{message}/report");
        let report = self.posts(&path, format!("reason={reason}")).await;
        report.is(201).json()
    }
}

#[tokio::test]
async fn a_moderator_reads_any_conversation() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    let first = world.kevin.sends("one").await;
    let second = world.kate.sends("two").await;
    world
        .kate
        .updates_message(&first, "read=true")
        .await
        .is(200);
    let page = moderator.lists_messages("").await.is(200);
    assert_eq!(page.texts(), ["two", "one"]);
    let page = page.json();
    // A moderator sees who they are.
    let kevin = &page["data"][1]["contact"];
    assert_eq!(kevin["phone_number"], json!(world.kevin.phone_number()));
    assert!(page["data"][1]["read_at"].is_u64());
    let query = format!("limit=1&starting_after={second}");
    let older = moderator.lists_messages(&query).await;
    assert_eq!(older.is(200).texts(), ["one"]);
    let message = moderator.gets_message(&first).await.is(200).json();
    assert_eq!(message, page["data"][1]);
    let conversation = moderator.gets_conversation().await.is(200).json();
    assert_eq!(conversation["contacts"].as_array().unwrap().len(), 3);
    assert_eq!(conversation["last_message"], page["data"][0]);
    assert_eq!(conversation["unread_count"], 0);
    assert_eq!(conversation["closed_at"], Value::Null);
    let unknown = moderator.within(shared::id::ConversationId::random());
    unknown
        .lists_messages("")
        .await
        .fails(404, "conversation_not_found", "conversation_id");
    unknown
        .gets_conversation()
        .await
        .fails(404, "conversation_not_found", "id");
    let unknown = format!("000000000{}", world.conversation);
    moderator
        .gets_message(&unknown)
        .await
        .fails(404, "message_not_found", "id");
    // There is no inbox of a moderator.
    moderator
        .lists_inbox("")
        .await
        .fails(403, "contact_required", "On-Behalf-Of");
}

#[tokio::test]
async fn a_moderator_sees_the_attachments_of_any_message_once_they_are_sent() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    let kevin = &world.kevin;
    let id = kevin.uploads("house.jpg", b"x").await;
    moderator
        .gets_attachment(&id)
        .await
        .fails(404, "attachment_not_found", "id");
    kevin.tries_to_send_files("look", &[&id]).await.is(201);
    let attachment = moderator.gets_attachment(&id).await.is(200).json();
    assert_eq!(attachment["filename"], "house.jpg");
    moderator.gets_file(&id).await.is(302);
    let other = world.new_server(&[Scope::Contacts]).await;
    other
        .gets_attachment(&id)
        .await
        .fails(403, "scope_missing", ());
}

#[tokio::test]
async fn a_moderator_deletes_any_message() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    let file = world.kevin.uploads("a", b"x").await;
    let sent = world.kevin.tries_to_send_files("insult", &[&file]).await;
    let sent = sent.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let old = [("if-match", "\"7-0000000000000000\"")];
    let path = format!("/v1/messages/{id}");
    let stale = moderator.requests(Method::DELETE, &path, &old, ()).await;
    stale.fails(412, "precondition_failed", "If-Match");
    moderator.deletes_message(&id).await.is(204);
    for person in [&world.kevin, &world.kate] {
        person.gets_message(&id).await.is(404);
        assert!(person.lists_inbox("").await.is(200).texts().is_empty());
    }
    moderator.deletes_message(&id).await.is(204);
    let foreign = format!("{}{}", &id[..9], shared::id::ConversationId::random());
    moderator
        .deletes_message(&foreign)
        .await
        .fails(404, "message_not_found", "id");
}

#[tokio::test]
async fn a_moderator_removes_a_participant_from_any_conversation() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    // It has no name, so no participant could do that.
    world.kevin.removes_participant(&world.linnie).await.is(403);
    moderator.removes_participant(&world.linnie).await.is(204);
    world.linnie.lists_messages("").await.is(404);
    world.kevin.lists_messages("").await.is(200);
    moderator.removes_participant(&world.linnie).await.is(204);
    let buzz = moderator.removes_participant(&world.buzz).await;
    buzz.fails(404, "contact_not_found", "contact_id");
    let nobody = format!("/v1/conversations/{}/participants/x", world.conversation);
    moderator
        .deletes(&nobody)
        .await
        .fails(404, "contact_not_found", "contact_id");
}

#[tokio::test]
async fn nobody_writes_to_a_closed_conversation_until_it_is_opened() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let (moderator, kate) = (
        moderator.within(kevin.conversation),
        world.kate.within(kevin.conversation),
    );
    let message = kevin.sends("hello").await;
    let closed = moderator
        .updates_conversation("closed=true")
        .await
        .is(200)
        .json();
    let since = &closed["closed_at"];
    assert!(since.is_u64());
    assert_eq!(
        kate.gets_conversation().await.is(200).json()["closed_at"],
        *since
    );
    for refused in [
        kevin.tries_to_send("more").await,
        kevin.sends_with_key("key", "more").await,
        kevin.updates_message(&message, "message=edited").await,
        kate.reacts(&message, "heart").await,
        kevin
            .tries_to_create_attachment("filename=a&file_size=1")
            .await,
        kevin.adds_participant(&world.buzz).await,
        kate.updates_message(&message, "is_pinned=true").await,
        kevin.updates_conversation("name=Else").await,
    ] {
        refused.fails(403, "conversation_closed", ());
    }
    // Reading, marking as read, deleting and leaving go on.
    kate.updates_message(&message, "read=true").await.is(200);
    kate.updates_conversation(&format!("read_up_to={message}"))
        .await
        .is(200);
    kate.updates_conversation("is_muted=true").await.is(200);
    assert_eq!(kate.lists_messages("").await.is(200).texts(), ["hello"]);
    let again = moderator
        .updates_conversation("closed=true")
        .await
        .is(200)
        .json();
    assert_eq!(again["closed_at"], *since);
    let opened = moderator
        .updates_conversation("closed=false")
        .await
        .is(200)
        .json();
    assert_eq!(opened["closed_at"], Value::Null);
    kevin.sends("more").await;
    moderator.updates_conversation("closed=true").await.is(200);
    kevin.deletes_message(&message).await.is(204);
    kate.leaves_conversation().await.is(204);
    let refused = kevin.updates_conversation("closed=false").await;
    refused.fails(403, "key_required", ());
    let mixed = moderator
        .updates_conversation("closed=false&name=Else")
        .await;
    mixed.fails(400, "parameter_invalid", "closed");
    let other = moderator.updates_conversation("name=Else").await;
    other.fails(403, "contact_required", "On-Behalf-Of");
    let unknown = moderator.within(shared::id::ConversationId::random());
    let unknown = unknown.updates_conversation("closed=true").await;
    unknown.fails(404, "conversation_not_found", "id");
}

#[tokio::test]
async fn a_message_is_reported_once_per_contact_and_resolved() {
    let world = World::new().await;
    let moderator = moderator(&world).await;
    let message = world.kevin.sends("insult").await;
    let report = world.kate.reports(&message, "Threats").await;
    let keys: Vec<_> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["created_at", "id", "message_id", "reason"]);
    let path = format!("/v1/messages/{message}/report");
    let again = world.kate.posts(&path, "reason=Other").await.is(200);
    assert_eq!(again.json(), report);
    // What was reported stays as it was.
    world
        .kevin
        .updates_message(&message, "message=kind")
        .await
        .is(200);
    let without_reason = world.linnie.posts(&path, ()).await.is(201).json();
    assert_eq!(without_reason["reason"], Value::Null);
    let id = report["id"].as_str().unwrap();
    let mut open = Vec::new();
    let mut query = "limit=1".to_owned();
    // Reports of other tests may be open as well.
    while open.len() < 2 {
        let page = moderator
            .gets(&format!("/v1/reports?{query}"))
            .await
            .is(200)
            .json();
        let found = page["data"][0].clone();
        query = format!("limit=1&starting_after={}", found["id"].as_str().unwrap());
        if found["message_id"] == json!(message) {
            open.push(found);
        }
    }
    assert_eq!(open[0]["reported_by"], json!(world.linnie.id));
    assert_eq!(open[0]["message"], "kind");
    assert_eq!(
        open[1],
        json!({
            "id": id, "message_id": message, "conversation_id": world.conversation,
            "contact_id": world.kevin.id, "message": "insult", "reported_by": world.kate.id, "reason": "Threats",
            "created_at": report["created_at"], "resolved_at": null, "resolution": null,
        })
    );
    let resolve = format!("/v1/reports/{id}");
    let resolved = moderator
        .puts(&resolve, "resolution=Deleted")
        .await
        .is(200)
        .json();
    assert!(resolved["resolved_at"].is_u64());
    assert_eq!(resolved["resolution"], "Deleted");
    let listed = moderator
        .gets("/v1/reports?resolved=true&limit=100")
        .await
        .is(200)
        .json();
    assert!(listed["data"].as_array().unwrap().contains(&resolved));
    let still_open = moderator.gets("/v1/reports?limit=100").await.is(200).json();
    let is_open = |report: &Value| report["id"] == json!(id);
    assert!(!still_open["data"].as_array().unwrap().iter().any(is_open));
    let changed = moderator
        .puts(&resolve, "resolution=Suspended")
        .await
        .is(200)
        .json();
    assert_eq!(changed["resolution"], "Suspended");
    assert_eq!(changed["resolved_at"], resolved["resolved_at"]);
    let unknown = moderator
        .puts("/v1/reports/0123456789abcdef", "resolution=x")
        .await;
    unknown.fails(404, "report_not_found", "id");
    // Resolving does not let it be reported again.
    world.kate.posts(&path, ()).await.is(200);
}

#[tokio::test]
async fn only_participants_report_a_message() {
    let world = World::new().await;
    let message = world.kevin.sends("hello").await;
    let path = format!("/v1/messages/{message}/report");
    world
        .buzz
        .posts(&path, ())
        .await
        .fails(404, "message_not_found", "id");
    world.kevin.deletes_message(&message).await.is(204);
    world
        .kate
        .posts(&path, ())
        .await
        .fails(404, "message_not_found", "id");
    let message = world.kevin.sends("hello").await;
    let path = format!("/v1/messages/{message}/report");
    let too_long = format!("reason={}", "x".repeat(501));
    for invalid in ["reason=%20", too_long.as_str(), "reason="] {
        let refused = world.kate.posts(&path, invalid).await;
        refused.fails(400, "parameter_invalid", "reason");
    }
}

#[tokio::test]
async fn twenty_reports_of_one_contact_at_once_are_one() {
    let world = World::new().await;
    let message = world.kevin.sends("insult").await;
    let path = format!("/v1/messages/{message}/report");
    let reports = (0..20).map(|_| world.kate.posts(&path, ()));
    let responses = join_all(reports).await;
    let created = responses.iter().filter(|response| response.status == 201);
    assert_eq!(created.count(), 1);
    let first = responses[0].json();
    assert!(responses.iter().all(|response| response.json() == first));
}
