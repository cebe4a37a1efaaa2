//! `DELETE /v1/contacts/:id`

use std::time::Duration;

use serde_json::{Value, json};
use shared::id::ContactId;
use shared::key::Scope;

use crate::harness::{Person, World};

impl Person {
    /// Erases a contact as the operator's server, in as many requests as that takes. Returns the proof.
    pub async fn erases(&self, contact: &str) -> Value {
        let path = format!("/v1/contacts/{contact}");
        loop {
            let response = self.deletes(&path).await;
            if response.status != 202 {
                let proof = response.is(200).json();
                assert_eq!(proof["remaining"], 0);
                return proof;
            }
            let seconds = response.header("retry-after").parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

/// Whether the proof says that nothing has been erased.
pub fn is_empty(proof: &Value) -> bool {
    let counts = proof["erased"].as_object().unwrap();
    counts.values().all(|count| *count == 0)
}

#[tokio::test]
async fn a_server_erases_a_contact_and_others_keep_what_they_wrote() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let server = world.new_server(&[Scope::Contacts]).await;
    let external_id = format!("user-{}", kevin.id);
    let form = format!("external_id={external_id}");
    let path = format!("/v1/contacts/{}", kevin.id);
    server.puts(&path, form).await.is(200);

    let first = kevin.sends("I made my family disappear.").await;
    let report = format!("/v1/messages/{first}/report");
    kate.posts(&report, "reason=Lies").await.is(201);
    let file = kevin.uploads("map.jpg", b"bytes").await;
    kevin.tries_to_send_files("Look", &[&file]).await.is(201);
    kevin.uploads("not sent", b"more bytes").await;
    let of_kate = kate.sends("Kevin!").await;
    kevin.reacts(&of_kate, "heart").await.is(200);
    kate.reacts(&of_kate, "heart").await.is(200);
    let read = format!("read_up_to={of_kate}");
    kevin.updates_conversation(&read).await.is(200);
    let pair = kevin.creates_conversation(&[kate], "").await;
    pair.sends("Just us").await;
    let group = kevin
        .creates_conversation(&[kate, &world.linnie], "name=Group")
        .await;
    kate.within(group.conversation).accepts().await.is(200);
    let alone = kevin.creates_conversation(&[kate], "name=Alone").await;
    let there = kate.within(alone.conversation);
    there.sends("Bye").await;
    there.leaves_conversation().await.is(204);
    world.buzz.blocks(kevin).await;

    let proof = server.erases(&format!("external:{external_id}")).await;

    assert_eq!(proof["id"], json!(kevin.id.to_string()));
    let erased = &proof["erased"];
    for (kind, count) in [
        ("tokens", 1),
        ("messages", 3),
        ("attachments", 2),
        ("files", 2),
        ("reactions", 1),
        ("conversations_left", 4),
        ("reads", 1),
        ("reports", 1),
        ("blocks_by_others", 1),
        ("usernames", 1),
        ("external_ids", 1),
        ("contacts", 1),
    ] {
        assert_eq!(erased[kind], count, "{kind} of {erased}");
    }
    kevin.gets("/v1/me").await.is(401);
    let page = kate.lists_messages("").await.is(200);
    assert_eq!(page.ids(), [of_kate]);
    let message = &page.json()["data"][0];
    assert_eq!(message["reactions"], json!([{ "heart": [kate.username] }]));
    assert!(message["read_at"].is_u64(), "although its reader is erased");
    for conversation in [world.conversation, group.conversation, pair.conversation] {
        let shown = kate.within(conversation).gets_conversation().await.is(200);
        let shown = shown.json()["participants"].to_string();
        assert!(!shown.contains(&kevin.id.to_string()), "{shown}");
    }
    there.gets_conversation().await.is(404);
    let blocks = world.buzz.gets("/v1/blocks").await.is(200);
    assert!(blocks.ids().is_empty());
    for query in ["external_id", "username"] {
        let value = if query == "username" {
            &kevin.username
        } else {
            &external_id
        };
        let found = server.gets(&format!("/v1/contacts?{query}={value}")).await;
        assert!(found.is(200).ids().is_empty());
    }
    server.gets(&path).await.is(404);
}

#[tokio::test]
async fn erasing_again_finds_nothing_and_an_external_id_is_gone() {
    let world = World::new().await;
    let server = world.new_server(&[Scope::Contacts]).await;
    let external_id = format!("user-{}", world.buzz.id);
    let by_external_id = format!("external:{external_id}");
    let id = world.buzz.id.to_string();
    let path = format!("/v1/contacts/{id}");
    let form = format!("external_id={external_id}");
    server.puts(&path, form).await.is(200);
    assert!(!is_empty(&server.erases(&by_external_id).await));
    let gone = format!("/v1/contacts/{by_external_id}");
    let again = server.deletes(&gone).await;
    again.fails(404, "contact_not_found", "id");
    let again = server.erases(&id).await;
    assert!(is_empty(&again), "{again}");
    let unknown = server.erases(&ContactId::random().to_string()).await;
    assert!(is_empty(&unknown), "{unknown}");
    let malformed = server.deletes("/v1/contacts/nonsense").await;
    malformed.fails(404, "contact_not_found", "id");
    // The username stays taken.
    let form = format!("username={}", world.buzz.username);
    let taken = server.posts("/v1/contacts", form).await;
    taken.fails(409, "username_taken", "username");
}

#[tokio::test]
async fn a_contact_cannot_erase_itself_or_others() {
    let world = World::new().await;
    for contact in [&world.kevin, &world.kate] {
        let path = format!("/v1/contacts/{}", contact.id);
        let refused = world.kevin.deletes(&path).await;
        refused.fails(403, "key_required", ());
        let server = world.new_server(&[Scope::Tokens, Scope::Conversations]);
        let refused = server.await.deletes(&path).await;
        refused.fails(403, "scope_missing", ());
        contact.gets("/v1/me").await.is(200);
    }
}
