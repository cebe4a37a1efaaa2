//! The audit trail of server keys.

use reqwest::Method;
use serde_json::{Value, json};
use shared::id::TokenId;
use shared::key::Scope;

use crate::harness::{Person, World};

/// The entries of what the other server key did, oldest first.
async fn trail(auditor: &Person, key: TokenId) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut query = "limit=100".to_owned();
    loop {
        let page = auditor
            .gets(&format!("/v1/audit?{query}"))
            .await
            .is(200)
            .json();
        let data = page["data"].as_array().unwrap().clone();
        if let Some(last) = data.last() {
            query = format!("limit=100&starting_after={}", last["id"].as_str().unwrap());
        }
        entries.extend(
            data.into_iter()
                .filter(|entry| entry["key_id"] == json!(key)),
        );
        if page["has_more"] == json!(false) {
            break;
        }
    }
    entries.reverse();
    assert!(entries.is_sorted_by_key(|entry| entry["id"].to_string()));
    entries
}

/// These fields of each entry.
fn fields<const N: usize>(entries: &[Value], names: [&str; N]) -> Vec<[Value; N]> {
    let entries = entries.iter();
    let entries = entries.map(|entry| names.map(|name| entry[name].clone()));
    entries.collect()
}

#[tokio::test]
async fn what_a_server_key_changes_and_what_a_moderator_reads_is_in_the_audit_trail() {
    let world = World::new().await;
    let auditor = world.new_server(&[Scope::Export]).await;
    let (key, server) = world.new_server_key(&Scope::ALL).await;
    let server = server.within(world.conversation);
    let name = format!("audited-{}", world.kevin.id);
    let form = format!("username={name}&external_id={name}");
    let created = server.posts("/v1/contacts", form).await.is(201).json();
    let contact = &created["id"];
    let path = format!("/v1/contacts/external:{name}");
    server.gets(&path).await.is(200);
    server.puts(&path, "phone_number=1").await.is(200);
    server.posts(&format!("{path}/tokens"), ()).await.is(201);
    server.deletes(&format!("{path}/tokens")).await.is(204);
    let acting = server.on_behalf_of(world.kevin.id);
    let message = acting.sends("hello").await;
    acting.gets_message(&message).await.is(200);
    acting
        .puts(&format!("/v1/messages/{message}"), "message=edited")
        .await
        .is(200);
    let block = format!("/v1/blocks/external:{name}");
    acting.requests(Method::PUT, &block, &[], ()).await.is(204);
    acting.creates_attachment("house.jpg", 1).await;
    server.lists_messages("").await.is(200);
    server.deletes_message(&message).await.is(204);
    let refused = auditor.gets("/v1/contacts").await;
    refused.fails(403, "scope_missing", ());
    let kevin = json!(world.kevin.id);
    let conversation = json!(world.conversation);
    let none = Value::Null;
    let expected = [
        ("create-contact", contact, &none),
        ("update-contact", contact, &none),
        ("create-contact-token", contact, &none),
        ("revoke-contact-tokens", contact, &none),
        ("create-message", &conversation, &kevin),
        ("update-message", &json!(message), &kevin),
        ("block-contact", &none, &kevin),
        ("create-attachment", &conversation, &kevin),
        ("list-messages", &conversation, &none),
        ("delete-message", &json!(message), &none),
    ];
    let expected = expected.map(|(operation, target, on_behalf_of)| {
        [json!(operation), target.clone(), on_behalf_of.clone()]
    });
    let entries = trail(&auditor, key).await;
    let recorded = fields(&entries, ["operation", "target", "on_behalf_of"]);
    assert_eq!(recorded, expected);
    assert!(entries.iter().all(|entry| entry["detail"] == none));
}

#[tokio::test]
async fn the_audit_trail_has_what_closes_suspends_and_removes() {
    let world = World::new().await;
    let auditor = world.new_server(&[Scope::Export]).await;
    let (key, server) = world.new_server_key(&Scope::ALL).await;
    let World { kevin, kate, .. } = &world;
    let group = kevin
        .creates_conversation(&[kate, &world.linnie, &world.buzz], "name=Home")
        .await;
    let server = server.within(group.conversation);
    for form in ["closed=true", "closed=false"] {
        server.updates_conversation(form).await.is(200);
    }
    let contact = format!("/v1/contacts/{}", world.linnie.id);
    let external_id = format!("linnie-{}", world.linnie.id);
    for form in ["suspended=true", "suspended=false&phone_number=1"] {
        server.puts(&contact, form).await.is(200);
    }
    let form = format!("external_id={external_id}");
    server.puts(&contact, form).await.is(200);
    server.removes_participant(kate).await.is(204);
    let participants = format!("/v1/conversations/{}/participants", group.conversation);
    let by_external_id = format!("{participants}/external:{external_id}");
    server.deletes(&by_external_id).await.is(204);
    let unknown = format!("{participants}/external:nobody");
    server.deletes(&unknown).await.is(404);
    let acting = server.on_behalf_of(kevin.id);
    acting.updates_conversation("name=House").await.is(200);
    acting.removes_participant(&world.buzz).await.is(204);
    let conversation = json!(group.conversation);
    let linnie = json!(world.linnie.id);
    let expected = [
        ("update-conversation", &conversation, json!("closed")),
        ("update-conversation", &conversation, json!("reopened")),
        ("update-contact", &linnie, json!("suspended")),
        ("update-contact", &linnie, json!("reinstated")),
        ("update-contact", &linnie, Value::Null),
        ("remove-participant", &conversation, json!(kate.id)),
        ("remove-participant", &conversation, linnie.clone()),
        ("remove-participant", &conversation, Value::Null),
        ("update-conversation", &conversation, Value::Null),
        ("remove-participant", &conversation, json!(world.buzz.id)),
    ];
    let expected =
        expected.map(|(operation, target, detail)| [json!(operation), target.clone(), detail]);
    let entries = trail(&auditor, key).await;
    let recorded = fields(&entries, ["operation", "target", "detail"]);
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn a_day_without_entries_is_empty_and_one_that_does_not_exist_is_refused() {
    let world = World::new().await;
    let auditor = world.new_server(&[Scope::Export]).await;
    let empty = auditor
        .gets("/v1/audit?day=2020-02-29")
        .await
        .is(200)
        .json();
    assert_eq!(empty, json!({"has_more": false, "data": []}));
    for day in ["2021-02-29", "2021-2-1", "today", ""] {
        let refused = auditor.gets(&format!("/v1/audit?day={day}")).await;
        refused.fails(400, "parameter_invalid", "day");
    }
}
