//! What server keys may do, and what contacts may not.

use reqwest::Method;
use serde_json::{Value, json};
use shared::key::Scope;

use crate::harness::{Json, Person, World};

impl Person {
    /// Creates a contact as the operator's server. Returns its id.
    async fn signs_up(&self, username: &str, external_id: &str) -> String {
        let form = format!("username={username}&external_id={external_id}");
        let created = self.posts("/v1/contacts", form).await.is(201).json();
        created["id"].as_str().unwrap().to_owned()
    }

    /// Creates a token for a contact as the operator's server. Returns a client that has it.
    async fn signs_in(&self, contact: &str) -> Person {
        let path = format!("/v1/contacts/{contact}/tokens");
        let token = self.posts(&path, "label=app&expires_in=3600").await;
        let token = token.is(201).json();
        assert_eq!(token["issued_with"], json!(null));
        self.with_token(token["token"].as_str().unwrap())
    }
}

/// A username or an external id that no other test uses.
fn unique(name: &str) -> String {
    let id = shared::id::ContactId::random();
    format!("{name}-{id}")
}

async fn server(world: &World) -> Person {
    world.new_server(&Scope::ALL).await
}

#[tokio::test]
async fn a_server_signs_up_two_users_who_chat() {
    let world = World::new().await;
    let server = server(&world).await;
    let (marv, harry) = (unique("Marv"), unique("Harry"));
    server.signs_up(&marv, &format!("{marv}@example.com")).await;
    let harrys_id = server.signs_up(&harry, &harry).await;
    let as_marv = server
        .signs_in(&format!("external:{marv}@example.com"))
        .await;
    let as_harry = server.signs_in(&harrys_id).await;
    let form = format!("participants[]={harry}");
    let created = as_marv
        .posts("/v1/conversations", form)
        .await
        .is(201)
        .json();
    let id = created["id"].as_str().unwrap().parse().unwrap();
    as_marv.within(id).sends("We are the Wet Bandits.").await;
    let page = as_harry.within(id).lists_messages("").await.is(200).json();
    assert_eq!(page["data"][0]["contact"]["username"], json!(marv));
    assert_eq!(page["data"][0]["sent_by"], "contact");
    // Nobody but the server learns what a contact is called in the operator's system.
    assert_eq!(page["data"][0]["contact"]["external_id"], json!(null));
    let me = as_marv.gets("/v1/me").await.is(200).json();
    assert_eq!(me["external_id"], json!(null));
}

#[tokio::test]
async fn signing_up_again_returns_the_same_contact_unchanged() {
    let world = World::new().await;
    let server = server(&world).await;
    let (marv, other) = (unique("Marv"), unique("Other"));
    let id = server.signs_up(&marv, &marv).await;
    let form = format!("username={other}&external_id={marv}&phone_number=1");
    let again = server.posts("/v1/contacts", form).await.is(200).json();
    assert_eq!(again["id"], json!(id));
    assert_eq!(again["username"], json!(marv));
    assert_eq!(again["phone_number"], json!(null));
    let twice = format!("username={marv}&external_id={other}");
    let error = server.posts("/v1/contacts", twice).await;
    error.fails(409, "username_taken", "username");
    let without = format!("username={marv}");
    let error = server.posts("/v1/contacts", without).await;
    error.fails(409, "username_taken", "username");
}

#[tokio::test]
async fn twenty_sign_ups_at_once_make_one_contact() {
    let world = World::new().await;
    let server = server(&world).await;
    let external_id = unique("user");
    let sign_ups = (0..20).map(|number| {
        let form = format!("username={number}.{external_id}&external_id={external_id}");
        let server = &server;
        async move { server.posts("/v1/contacts", form).await }
    });
    let responses = futures_util::future::join_all(sign_ups).await;
    let created = responses.iter().filter(|response| response.status == 201);
    assert_eq!(created.count(), 1);
    let ids: std::collections::BTreeSet<_> = responses
        .into_iter()
        .map(|response| response.json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_contact_is_found_by_external_id_username_and_id() {
    let world = World::new().await;
    let server = server(&world).await;
    let marv = unique("Marv");
    let external_id = format!("auth0|{marv}");
    let id = server
        .signs_up(&marv, &external_id.replace('|', "%7C"))
        .await;
    let found = server
        .gets(&format!("/v1/contacts/{id}"))
        .await
        .is(200)
        .json();
    assert_eq!(found["external_id"], json!(external_id));
    assert_eq!(found["suspended_at"], json!(null));
    for query in [
        format!("external_id={}", external_id.replace('|', "%7C")),
        format!("username={marv}"),
    ] {
        let page = server.gets(&format!("/v1/contacts?{query}")).await;
        assert_eq!(
            page.is(200).json(),
            json!({"has_more": false, "data": [found]})
        );
    }
    let path = format!("/v1/contacts/external:{}", external_id.replace('|', "%7C"));
    assert_eq!(server.gets(&path).await.is(200).json(), found);
    let nobody = server.gets("/v1/contacts?external_id=nobody").await;
    assert_eq!(
        nobody.is(200).json(),
        json!({"has_more": false, "data": []})
    );
    for unknown in ["external:nobody", "external:", "0123456789abcdef", "x"] {
        let unknown = server.gets(&format!("/v1/contacts/{unknown}")).await;
        unknown.fails(404, "contact_not_found", "id");
    }
}

#[tokio::test]
async fn pages_of_all_contacts_have_each_contact_once() {
    let world = World::new().await;
    let server = server(&world).await;
    let mut ids = std::collections::BTreeSet::new();
    for number in 0..7 {
        let name = unique(&number.to_string());
        ids.insert(server.signs_up(&name, &name).await);
    }
    let mut found = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = server
            .gets(&format!("/v1/contacts?{query}"))
            .await
            .is(200)
            .json();
        let data = page["data"].as_array().unwrap();
        found.extend(
            data.iter()
                .map(|contact| contact["id"].as_str().unwrap().to_owned()),
        );
        if page["has_more"] == json!(false) {
            break;
        }
        query = format!("limit=100&starting_after={}", found.last().unwrap());
    }
    assert!(found.is_sorted());
    let all: std::collections::BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(all.len(), found.len());
    assert!(ids.is_subset(&all));
    assert!(all.contains(&world.kevin.id.to_string()));
    let last = ids.last().unwrap();
    let before = format!("/v1/contacts?limit=1&ending_before={last}");
    let before = server.gets(&before).await.is(200).json();
    let index = found.iter().position(|id| id == last).unwrap();
    assert_eq!(before["data"][0]["id"], json!(found[index - 1]));
    assert_eq!(before["has_more"], json!(index > 1));
}

#[tokio::test]
async fn a_server_updates_a_contact() {
    let world = World::new().await;
    let server = server(&world).await;
    let (marv, new) = (unique("Marv"), unique("New"));
    let id = server.signs_up(&marv, &marv).await;
    let path = format!("/v1/contacts/external:{marv}");
    let update = json!({
        "username": new, "phone_number": "1", "avatar_url": "https://example.com/", "external_id": new,
    });
    let updated = server.puts(&path, Json(update)).await.is(200).json();
    let path = format!("/v1/contacts/{id}");
    assert_eq!(server.gets(&path).await.is(200).json(), updated);
    assert_eq!(updated["external_id"], json!(new));
    assert_eq!(updated["username"], json!(new));
    let old = server.gets(&format!("/v1/contacts/external:{marv}")).await;
    old.is(404);
    // The old external id is free at once.
    server.signs_up(&unique("Else"), &marv).await;
    let taken = server
        .puts(&path, format!("external_id={marv}&phone_number=2"))
        .await;
    taken.fails(409, "external_id_taken", "external_id");
    assert_eq!(server.gets(&path).await.is(200).json(), updated);
    let cleared = server
        .puts(&path, "external_id=&phone_number=")
        .await
        .is(200)
        .json();
    assert_eq!(cleared["external_id"], json!(null));
    assert_eq!(cleared["phone_number"], json!(null));
    server
        .gets(&format!("/v1/contacts/external:{new}"))
        .await
        .is(404);
    let unknown = server
        .puts("/v1/contacts/external:nobody", "phone_number=1")
        .await;
    unknown.fails(404, "contact_not_found", "id");
}

#[tokio::test]
async fn a_suspended_contact_is_signed_out_until_it_is_reinstated() {
    let world = World::new().await;
    let server = server(&world).await;
    let marv = unique("Marv");
    let id = server.signs_up(&marv, &marv).await;
    let as_marv = server.signs_in(&id).await;
    as_marv.gets("/v1/me").await.is(200);
    let path = format!("/v1/contacts/{id}");
    let suspended = server.puts(&path, "suspended=true").await.is(200).json();
    let since = &suspended["suspended_at"];
    assert!(since.is_u64(), "{suspended}");
    as_marv.gets("/v1/me").await.is(401);
    let tokens = format!("/v1/contacts/{id}/tokens");
    let error = server.posts(&tokens, "").await;
    error.fails(409, "contact_suspended", Value::Null);
    let acting = server.on_behalf_of(&id).gets("/v1/me").await;
    acting.fails(403, "on_behalf_of_refused", "On-Behalf-Of");
    let again = server.puts(&path, "suspended=true").await.is(200).json();
    assert_eq!(again["suspended_at"], *since);
    let reinstated = server.puts(&path, "suspended=false").await.is(200).json();
    assert_eq!(reinstated["suspended_at"], json!(null));
    as_marv.gets("/v1/me").await.is(401);
    server.signs_in(&id).await.gets("/v1/me").await.is(200);
}

#[tokio::test]
async fn a_server_signs_a_contact_out_everywhere() {
    let world = World::new().await;
    let server = server(&world).await;
    let marv = unique("Marv");
    let id = server.signs_up(&marv, &marv).await;
    let (first, second) = (server.signs_in(&id).await, server.signs_in(&id).await);
    let third = first.posts("/v1/tokens", "").await.is(201).json();
    let third = first.with_token(third["token"].as_str().unwrap());
    let path = format!("/v1/contacts/external:{marv}/tokens");
    server.deletes(&path).await.is(204);
    for signed_out in [&first, &second, &third] {
        signed_out.gets("/v1/me").await.is(401);
    }
    server.deletes(&path).await.is(204);
    server.signs_in(&id).await.gets("/v1/me").await.is(200);
    let unknown = server.deletes("/v1/contacts/external:nobody/tokens").await;
    unknown.fails(404, "contact_not_found", "id");
}

#[tokio::test]
async fn a_server_acts_on_behalf_of_a_contact() {
    let world = World::new().await;
    let server = server(&world).await;
    let (marv, harry) = (unique("Marv"), unique("Harry"));
    let id = server.signs_up(&marv, &marv).await;
    server.signs_up(&harry, &harry).await;
    let as_marv = server.on_behalf_of(format!("external:{marv}"));
    let me = as_marv.gets("/v1/me").await.is(200).json();
    assert_eq!(me["id"], json!(id));
    let conversation = json!({"participants": [format!("external:{harry}")]});
    let created = as_marv.posts("/v1/conversations", Json(conversation)).await;
    let created = created.is(201).json();
    let conversation = created["id"].as_str().unwrap().parse().unwrap();
    let sent = as_marv
        .within(conversation)
        .tries_to_send("Hello")
        .await
        .is(201)
        .json();
    assert_eq!(sent["sent_by"], "key");
    assert_eq!(sent["contact"]["id"], json!(id));
    // Harry need not accept: the operator has decided that the two talk.
    let as_harry = server
        .on_behalf_of(format!("external:{harry}"))
        .within(conversation);
    let listed = as_harry
        .gets(&format!("/v1/conversations/{conversation}"))
        .await;
    let listed = listed.is(200).json();
    assert_eq!(listed["is_pending"], json!(false));
    assert_eq!(listed["unread_count"], json!(1));
    let with_token = server
        .signs_in(&format!("external:{harry}"))
        .await
        .within(conversation);
    with_token.sends("Hi").await;
    let page = as_marv
        .within(conversation)
        .lists_messages("")
        .await
        .is(200)
        .json();
    assert_eq!(page["data"][0]["sent_by"], "contact");
    // The server did not make Marv look active.
    assert_eq!(page["data"][1]["contact"]["last_active_at"], json!(null));
}

#[tokio::test]
async fn a_blocked_contact_cannot_be_acted_for_against_the_one_who_blocked_it() {
    let world = World::new().await;
    let server = server(&world).await;
    let (marv, harry) = (unique("Marv"), unique("Harry"));
    server.signs_up(&marv, &marv).await;
    server.signs_up(&harry, &harry).await;
    let as_harry = server.on_behalf_of(format!("external:{harry}"));
    let block = format!("/v1/blocks/external:{marv}");
    as_harry
        .requests(Method::PUT, &block, &[], ())
        .await
        .is(204);
    let as_marv = server.on_behalf_of(format!("external:{marv}"));
    let form = format!("participants[]={harry}");
    let refused = as_marv.posts("/v1/conversations", form).await;
    refused.fails(403, "not_accepting_messages", "participants[]");
    as_harry.deletes(&block).await.is(204);
}

#[tokio::test]
async fn a_participant_that_is_named_twice_is_one() {
    let world = World::new().await;
    let server = server(&world).await;
    let harry = unique("Harry");
    server.signs_up(&harry, &harry).await;
    let acting = server.on_behalf_of(world.kevin.id);
    let twice = format!("participants[]=external:{harry}&participants[]=external:{harry}");
    let created = acting
        .posts("/v1/conversations", twice)
        .await
        .is(201)
        .json();
    assert_eq!(created["contacts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_suspended_contact_cannot_be_added_to_a_conversation() {
    let world = World::new().await;
    let server = server(&world).await;
    let group = world
        .kate
        .creates_conversation(&[&world.buzz], "name=Home")
        .await;
    let path = format!("/v1/contacts/{}", world.linnie.id);
    server.puts(&path, "suspended=true").await.is(200);
    group
        .adds_participant(&world.linnie)
        .await
        .fails(404, "contact_not_found", "participants[]");
    server.puts(&path, "suspended=false").await.is(200);
    group.adds_participant(&world.linnie).await.is(200);
}

#[tokio::test]
async fn only_a_server_names_contacts_by_external_id() {
    let world = World::new().await;
    let server = server(&world).await;
    let marv = unique("Marv");
    let id = server.signs_up(&marv, &marv).await;
    let kevin = &world.kevin;
    let path = format!("/v1/contacts/external:{marv}");
    kevin
        .gets(&path)
        .await
        .fails(404, "contact_not_found", "id");
    let block = format!("/v1/blocks/external:{marv}");
    let block = kevin.requests(Method::PUT, &block, &[], ()).await;
    block.fails(404, "contact_not_found", "id");
    let form = format!("participants[]=external:{marv}");
    let begun = kevin.posts("/v1/conversations", form).await;
    begun.fails(404, "contact_not_found", "participants[]");
    let query = format!("/v1/contacts?external_id={marv}");
    let found = kevin.gets(&query).await;
    found.fails(403, "key_required", Value::Null);
    // A stranger is not found by id either.
    kevin.gets(&format!("/v1/contacts/{id}")).await.is(404);
}

#[tokio::test]
async fn a_key_without_a_contact_is_told_to_name_one() {
    let world = World::new().await;
    let server = server(&world).await;
    for path in ["/v1/me", "/v1/conversations", "/v1/tokens", "/v1/messages"] {
        let error = server.gets(path).await;
        error.fails(403, "contact_required", "On-Behalf-Of");
    }
    for unknown in ["0123456789abcdef", "external:nobody", "someone", "a, b"] {
        let error = server.on_behalf_of(unknown).gets("/v1/me").await;
        error.fails(403, "on_behalf_of_refused", "On-Behalf-Of");
    }
    let path = "/v1/no-such-path";
    let error = server.on_behalf_of("nobody").gets(path).await;
    error.fails(404, "route_not_found", Value::Null);
}

#[tokio::test]
async fn a_revoked_or_expired_key_is_like_an_unknown_one() {
    let world = World::new().await;
    let (id, server) = world.new_server_key(&Scope::ALL).await;
    let admin = shared::store::Admin::new(world.store().clone());
    server.gets("/v1/contacts").await.is(200);
    let other = world.new_server(&[Scope::Contacts]).await;
    let keys = admin.list_keys().await.unwrap();
    let key = keys.iter().find(|key| key.id == id).unwrap();
    assert!(key.last_used_at.is_some());
    admin.revoke_key(id).await.unwrap();
    server.gets("/v1/contacts").await.is(401);
    server
        .on_behalf_of(world.kevin.id)
        .gets("/v1/me")
        .await
        .is(401);
    other.gets("/v1/contacts").await.is(200);
    let again = admin.revoke_key(id).await;
    assert!(matches!(again, Err(shared::Error::TokenNotFound)));
    let expired = shared::time::Seconds(1);
    let scopes = Scope::ALL.into_iter().collect();
    let issued = admin.issue_key(shared::token::Label::default(), scopes, Some(expired));
    let expired = server.with_token(&issued.await.unwrap().secret);
    expired.gets("/v1/contacts").await.is(401);
}
