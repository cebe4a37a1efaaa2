//! Requests that get the responses that only one or some operations have.

use std::collections::BTreeSet;
use std::time::Duration;

use dynoxide::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use shared::id::{ContactId, ConversationId};
use shared::key::Scope;
use shared::store::{Limits, Webhooks};
use shared::time::Clock;

use super::examples::form;
use crate::harness::contract::{Contract, document};
use crate::harness::{Json, Person, Receiver, World, metadata_with_keys};

/// Bodies with each parameter in each type.
pub async fn send_each_type(world: &World) {
    let kevin = &world.kevin;
    let id = kevin.sends("hello").await;
    let from_kate = world.kate.sends("hello").await;
    let message = format!("/v1/messages/{id}");
    let conversation = world
        .new_conversation(&[kevin, &world.kate, &world.linnie])
        .await;
    let conversation = format!("/v1/conversations/{conversation}");
    let settings = json!({"name": "Home", "is_muted": true, "is_pinned": true, "archived": true, "accepted": true});
    let profile = json!({"username": format!("new.{}", kevin.id), "phone_number": "+1", "avatar_url": "https://example.com"});
    let participants = [&world.kate.username, &world.linnie.username];
    let nothing = |keys: &[&str], given: &str| {
        let mut fields: serde_json::Map<_, _> = keys
            .iter()
            .map(|key| ((*key).to_owned(), Value::Null))
            .collect();
        fields.insert(given.to_owned(), json!(true));
        Value::Object(fields)
    };
    for (path, fields) in [
        (
            &message,
            json!({"message": "edited", "reactions": {"heart": [kevin.username]}, "read": true}),
        ),
        (&message, json!({"reactions": [{"heart": []}]})),
        (&message, json!({"metadata": {"a": "b", "c": null}})),
        (&message, json!({"metadata": ""})),
        (&message, json!({"metadata": null})),
        (&message, nothing(&["message", "reactions"], "read")),
        (&message, json!({"message": "again", "read": null})),
        (&conversation, settings.clone()),
        (
            &conversation,
            nothing(
                &[
                    "name",
                    "is_pinned",
                    "archived",
                    "accepted",
                    "read_up_to",
                    "closed",
                ],
                "is_muted",
            ),
        ),
        (&conversation, nothing(&["is_muted"], "is_pinned")),
        (
            &format!("/v1/conversations/{}", kevin.conversation),
            json!({"read_up_to": from_kate}),
        ),
        (&"/v1/me".to_owned(), profile.clone()),
        (
            &"/v1/me".to_owned(),
            json!({"username": null, "phone_number": null, "avatar_url": null}),
        ),
    ] {
        kevin.puts(path, Json(fields)).await.is(200);
    }
    for (path, form) in [
        (&message, form(&json!({"message": "edited", "read": true}))),
        (&message, "metadata=".to_owned()),
        (&conversation, "metadata=".to_owned()),
        (&conversation, "metadata[a]=b".to_owned()),
        (&conversation, form(&settings)),
        (
            &format!("/v1/conversations/{}", kevin.conversation),
            format!("read_up_to={from_kate}"),
        ),
        (&"/v1/me".to_owned(), form(&profile)),
    ] {
        kevin.puts(path, form).await.is(200);
    }
    for (path, fields) in [
        (
            "/v1/conversations",
            json!({"participants": participants, "name": "Home"}),
        ),
        (
            "/v1/conversations",
            json!({"participants": participants, "name": null}),
        ),
        ("/v1/tokens", json!({"label": "phone", "expires_in": 60})),
        ("/v1/tokens", json!({"label": null, "expires_in": null})),
    ] {
        kevin.posts(path, Json(fields)).await.is(201);
    }
}

/// Shows the caller before its first request, and without a phone number.
pub async fn get_own_contact(world: &World) {
    let person = world.new_person("new").await;
    person.gets("/v1/me").await.is(200);
    person.puts("/v1/me", "phone_number=").await.is(200);
    person.gets("/v1/me").await.is(200);
}

/// Replies, and metadata that is removed as a whole.
pub async fn reply_and_clear_metadata(world: &World) {
    let kevin = &world.kevin;
    let conversation = kevin.conversation;
    let id = kevin.sends("hello").await;
    let form = format!("conversation_id={conversation}&message=hello&metadata=&reply_to={id}");
    kevin.posts("/v1/messages", form).await.is(201);
    for (reply_to, status) in [
        (json!(id), 201),
        (json!(null), 201),
        (json!(kevin.sends_and_deletes().await), 404),
    ] {
        let message =
            json!({"conversation_id": conversation, "message": "hello", "reply_to": reply_to});
        let response = kevin.posts("/v1/messages", Json(message)).await;
        response.is(status);
    }
    kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home&metadata=")
        .await;
}

pub async fn use_messages(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    let text = "x".repeat(32 * 1024);
    let id = kevin.sends(&text).await;
    kevin.sends_with_key("key", "once").await.is(201);
    kevin.sends_with_key("key", "once").await.is(201);
    kevin.sends_with_key("key", "twice").await.is(422);
    let sent = kevin.sends_with_key("gone", "once").await.is(201).json();
    kevin
        .deletes_message(sent["id"].as_str().unwrap())
        .await
        .is(204);
    kevin.sends_with_key("gone", "once").await.is(404);
    kevin.sends_with_key("a b", "never").await.is(400);
    let tag = kevin
        .gets_message(&id)
        .await
        .is(200)
        .header("etag")
        .to_owned();
    let path = format!("/v1/messages/{id}");
    let if_none_match = [("if-none-match", tag.as_str())];
    kevin
        .requests(Method::GET, &path, &if_none_match, ())
        .await
        .is(304);
    kate.reacts(&id, "heart").await.is(200);
    kate.updates_message(&id, "read=true").await.is(200);
    kate.updates_message(&id, "reactions[heart]=").await.is(200);
    kate.reacts(&id, "joy").await.is(200);
    kevin
        .updates_message_if_match(&id, &tag, "message=edited")
        .await
        .is(412);
    let if_match = [("if-match", tag.as_str())];
    kevin
        .requests(Method::DELETE, &path, &if_match, ())
        .await
        .is(412);
    for invalid in ["1", "\"a b\""] {
        let if_match = [("if-match", invalid)];
        kevin
            .requests(Method::DELETE, &path, &if_match, ())
            .await
            .is(400);
        let if_none_match = [("if-none-match", invalid)];
        kevin
            .requests(Method::GET, &path, &if_none_match, ())
            .await
            .is(400);
    }
    pin_messages(kevin).await;
    kevin.lists_messages("limit=1").await.is(200);
    kevin.lists_messages("limit=100").await.is(200);
    let by_kate = format!("contact_id={}", kate.id);
    let external = kevin.lists_messages("contact_id=external:x").await;
    external.is(400);
    for filter in ["is_pinned=true", &by_kate] {
        kevin.lists_messages(filter).await.is(200);
        kevin.lists_inbox(filter).await.is(400);
    }
    let newer = format!("ending_before={id}&created_at[gte]=0&created_at[lt]=253402300799");
    kevin.lists_messages(&newer).await.is(200);
}

/// Pins as many messages as possible, and one more.
async fn pin_messages(person: &Person) {
    for number in 0..=50 {
        let id = person.sends("hello").await;
        let pinned = match number {
            0 => {
                person
                    .updates_message(&id, Json(json!({"is_pinned": true})))
                    .await
            }
            _ => person.updates_message(&id, "is_pinned=true").await,
        };
        pinned.is(if number < 50 { 200 } else { 409 });
        let null = json!({"is_pinned": null, "read": true});
        person.updates_message(&id, Json(null)).await.is(200);
    }
}

pub async fn fail_to_use_messages(world: &World) {
    let (kevin, kate, buzz) = (&world.kevin, &world.kate, &world.buzz);
    let id = kevin.sends("hello").await;
    kate.updates_message(&id, "message=mine").await.is(403);
    let in_kevins_name = format!("reactions[joy][]={}", kevin.username);
    kate.updates_message(&id, in_kevins_name).await.is(403);
    kate.deletes_message(&id).await.is(403);
    let outside = buzz.within(kevin.conversation);
    outside.lists_messages("").await.is(404);
    outside.tries_to_send("hello").await.is(404);
    outside.gets_message(&id).await.is(404);
    outside.updates_message(&id, "read=true").await.is(404);
    outside.deletes_message(&id).await.is(404);
    for form in [
        "message=",
        "message=%20",
        "read=false",
        "reactions[Heart][]=x",
    ] {
        kevin.updates_message(&id, form).await.is(400);
    }
    // Larger than what API Gateway takes.
    let too_large = vec![b'a'; 5 * 1024 * 1024];
    let too_large = ("application/json", &too_large[..]);
    kevin.posts("/v1/messages", too_large).await.is(413);
}

pub async fn use_attachments(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.uploads("house.jpg", b"x").await;
    kevin.gets_attachment(&id).await.is(200);
    kate.gets_attachment(&id).await.is(404);
    kate.gets_file(&id).await.is(404);
    kevin.tries_to_send_files("", &[&id]).await.is(201);
    kate.gets_attachment(&id).await.is(200);
    kate.gets_file(&id).await.is(302);
    let conversation = kevin.conversation;
    let checksum = "0".repeat(64);
    for (file_type, sha256) in [
        (json!("text/plain"), json!(checksum)),
        (Value::Null, Value::Null),
    ] {
        let file = json!({
            "conversation_id": conversation, "filename": "a", "file_size": 1, "file_type": file_type,
            "sha256": sha256,
        });
        kevin.posts("/v1/attachments", Json(file)).await.is(201);
    }
    let form = format!("filename=a&file_size=1&file_type=text/plain&sha256={checksum}");
    kevin.tries_to_create_attachment(&form).await.is(201);
    let id = kevin.uploads("house.jpg", b"x").await;
    for (message, attachments) in [
        (Value::Null, json!([id])),
        (json!("hello"), Value::Null),
        (json!("hello"), json!([])),
    ] {
        let message = json!({
            "conversation_id": conversation, "message": message, "attachments": attachments,
        });
        kevin.posts("/v1/messages", Json(message)).await.is(201);
    }
    let message = kevin.sends("hello").await;
    let path = format!("/v1/messages/{message}");
    let ids = [
        kevin.uploads("a", b"x").await,
        kevin.uploads("b", b"x").await,
    ];
    kevin.adds_attachments(&message, &ids[..1]).await.is(200);
    for attachments in [json!([ids[1]]), json!([])] {
        let update = json!({"attachments": attachments});
        kevin.puts(&path, Json(update)).await.is(200);
    }
    let update = json!({"attachments": null, "read": true});
    kevin.puts(&path, Json(update)).await.is(200);
    kevin.lists_attachments("").await.is(200);
    let page = format!("limit=1&starting_after={}", ids[1]);
    kevin.lists_attachments(&page).await.is(200);
    let page = format!("limit=1&ending_before={}", ids[0]);
    kevin.lists_attachments(&page).await.is(200);
    kevin.deletes_attachment(&ids[0]).await.is(204);
}

pub async fn fail_to_use_attachments(world: &World) {
    let kevin = &world.kevin;
    let sent = kevin.uploads("house.jpg", b"x").await;
    kevin.tries_to_send_files("hello", &[&sent]).await.is(201);
    kevin.tries_to_send_files("again", &[&sent]).await.is(409);
    let pending = kevin.creates_attachment("house.jpg", 1).await;
    let pending = pending["id"].as_str().unwrap();
    kevin.tries_to_send_files("early", &[pending]).await.is(409);
    kevin
        .tries_to_send_files("twice", &[pending, pending])
        .await
        .is(400);
    let unknown = "0".repeat(25);
    kevin.tries_to_send_files("what", &[&unknown]).await.is(404);
    let message = kevin.sends("hello").await;
    for (id, status) in [(sent.as_str(), 409), (pending, 409), (&unknown, 404)] {
        kevin.adds_attachments(&message, &[id]).await.is(status);
    }
    let of_kate = world.kate.uploads("a", b"x").await;
    let refused = world.kate.adds_attachments(&message, &[&of_kate]).await;
    refused.is(403);
    world.kate.deletes_attachment(&sent).await.is(403);
    kevin.deletes_attachment(&unknown).await.is(404);
    let only = kevin.uploads("a", b"x").await;
    kevin.tries_to_send_files("", &[&only]).await.is(201);
    kevin.deletes_attachment(&only).await.is(409);
    kevin.gets("/v1/attachments").await.is(400);
    let cursor = format!("starting_after={unknown}");
    kevin.lists_attachments(&cursor).await.is(400);
    let outside = world.buzz.within(kevin.conversation);
    outside.lists_attachments("").await.is(404);
    let nothing = json!({"conversation_id": kevin.conversation, "attachments": []});
    kevin.posts("/v1/messages", Json(nothing)).await.is(400);
    let path = "filename=a/b&file_size=1";
    kevin.tries_to_create_attachment(path).await.is(400);
    let form = "filename=a&file_size=1";
    let outside = world.buzz.within(kevin.conversation);
    outside.tries_to_create_attachment(form).await.is(404);
    let ann = world.new_person("ann").await;
    let ann = ann.creates_conversation(&[&world.kate], "").await;
    let asked = world.kate.within(ann.conversation);
    asked.tries_to_create_attachment(form).await.is(403);
    asked.blocks(&ann).await.is(204);
    ann.tries_to_create_attachment(form).await.is(403);
    asked.unblocks(&ann).await.is(204);
}

pub async fn use_conversations(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    kevin
        .tries_to_create_conversation(&[kate], "")
        .await
        .is(201);
    let two = kevin
        .tries_to_create_conversation(&[kate], "")
        .await
        .is(200)
        .json();
    let two = kevin.within(two["id"].as_str().unwrap().parse().unwrap());
    two.gets_conversation().await.is(200);
    let named =
        Json(json!({"participants": [kate.username, world.linnie.username], "name": "Home"}));
    let home = kevin.posts("/v1/conversations", named).await.is(201).json();
    let home = kevin.within(home["id"].as_str().unwrap().parse().unwrap());
    let id = home.sends("hello").await;
    let buzz = Json(json!({"participants": [world.buzz.username]}));
    let participants = format!("/v1/conversations/{}/participants", home.conversation);
    home.posts(&participants, buzz).await.is(200);
    home.adds_participant(&world.buzz).await.is(200);
    let buzz = world.buzz.within(home.conversation);
    buzz.gets_conversation().await.is(200);
    buzz.lists_conversations("pending=true").await.is(200);
    buzz.updates_conversation("archived=true").await.is(403);
    buzz.accepts().await;
    buzz.updates_conversation("name=Buzz").await.is(403);
    buzz.updates_conversation(&format!(
        "read_up_to={id}&is_pinned=true&is_muted=true&archived=true"
    ))
    .await
    .is(200);
    buzz.lists_conversations("archived=true").await.is(200);
    home.lists_conversations("limit=1").await.is(200);
    home.removes_participant(&world.buzz).await.is(204);
    for conversation in [home.conversation, ConversationId::random()] {
        let linnie = world.buzz.within(conversation);
        linnie.gets_conversation().await.is(404);
        linnie.updates_conversation("is_muted=true").await.is(404);
        linnie.adds_participant(kate).await.is(404);
        linnie.removes_participant(kate).await.is(404);
    }
    world
        .buzz
        .within(ConversationId::random())
        .leaves_conversation()
        .await
        .is(404);
    home.posts("/v1/conversations", "participants[]=nobody")
        .await
        .is(404);
    home.posts(&participants, "participants[]=nobody")
        .await
        .is(404);
    home.removes_participant(&home.with_id(ContactId::random()))
        .await
        .is(404);
    home.leaves_conversation().await.is(204);
}

/// All reasons for which a conversation cannot be changed, or begun.
pub async fn fail_to_manage_conversations(world: &World) {
    let [ann, bob, cid] = [
        world.new_person("ann").await,
        world.new_person("bob").await,
        world.new_person("cid").await,
    ];
    // Of two, and without a name.
    let two = ann.creates_conversation(&[&bob], "").await;
    two.updates_conversation("name=Group").await.is(403);
    two.adds_participant(&cid).await.is(403);
    two.removes_participant(&bob).await.is(403);
    world.kevin.adds_participant(&cid).await.is(403);
    world.kevin.removes_participant(&world.linnie).await.is(403);
    // Not the creator.
    let home = ann.creates_conversation(&[&bob, &cid], "name=Home").await;
    let in_home = bob.within(home.conversation);
    in_home.updates_conversation("archived=true").await.is(403);
    in_home.accepts().await;
    in_home.adds_participant(&world.kate).await.is(403);
    in_home.removes_participant(&cid).await.is(403);
    // Pending, after the creator has left.
    let pending = cid.within(home.conversation);
    home.leaves_conversation().await.is(204);
    pending.updates_conversation("name=Mine").await.is(403);
    pending.adds_participant(&world.kate).await.is(403);
    pending.removes_participant(&bob).await.is(403);
    // Blocked.
    let in_two = bob.within(two.conversation);
    in_two.accepts().await;
    let id = two.sends("hello").await;
    let named = ann.creates_conversation(&[&bob], "name=Named").await;
    bob.within(named.conversation).accepts().await;
    bob.blocks(&ann).await.is(204);
    named.updates_conversation("name=Blocked").await.is(403);
    two.tries_to_send("hello?").await.is(403);
    two.updates_message(&id, "message=hello%3F").await.is(403);
    ann.tries_to_create_conversation(&[&bob], "name=Again")
        .await
        .is(403);
    let group = ann.creates_conversation(&[&cid], "name=Group").await;
    group.adds_participant(&bob).await.is(403);
}

pub async fn use_contacts(world: &World, crowd: &[Person]) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    kevin.gets("/v1/contacts?limit=1").await.is(200);
    kevin
        .gets(&format!("/v1/contacts?username={}", world.buzz.username))
        .await
        .is(200);
    kevin
        .gets(&format!("/v1/contacts/{}", kate.id))
        .await
        .is(200);
    kevin
        .gets(&format!("/v1/contacts/{}", ContactId::random()))
        .await
        .is(404);
    kevin.gets("/v1/me").await.is(200);
    let profile = |fields: Value| kevin.puts("/v1/me", Json(fields));
    profile(json!({"phone_number": "1".repeat(32), "avatar_url": format!("https://{}", "x".repeat(1016))})).await.is(200);
    profile(json!({"phone_number": null, "avatar_url": ""}))
        .await
        .is(200);
    profile(json!({"username": kate.username})).await.is(409);
    for fields in [
        json!({"phone_number": "1".repeat(33)}),
        json!({"avatar_url": "https:///"}),
        json!({"username": "a"}),
    ] {
        profile(fields).await.is(400);
    }
    for number in 0..4 {
        profile(json!({"username": format!("name{number}.{}", kevin.id)}))
            .await
            .is(200);
    }
    profile(json!({"username": format!("name5.{}", kevin.id)}))
        .await
        .is(429);
    for person in &crowd[..100] {
        kevin.blocks(person).await.is(204);
    }
    kevin.blocks(&crowd[100]).await.is(409);
    kevin.gets("/v1/blocks?limit=1").await.is(200);
    kevin.unblocks(&crowd[0]).await.is(204);
    kevin
        .blocks(&kevin.with_id(ContactId::random()))
        .await
        .is(404);
    kevin
        .requests(Method::DELETE, "/v1/blocks/nobody", &[], ())
        .await
        .is(404);
    // While a contact is being erased, only its id is left.
    let id = world.linnie.sends("hello").await;
    let key = AttributeValue::S(world.linnie.id.to_string());
    world.delete_item("ContactsTable", &[("id", key)]);
    kate.gets_message(&id).await.is(200);
}

pub async fn use_tokens(world: &World) {
    let kate = &world.kate;
    let (id, other) = kate
        .creates_token("label=laptop&expires_in=315360000")
        .await;
    kate.posts(
        "/v1/tokens",
        Json(json!({"label": null, "expires_in": "60"})),
    )
    .await
    .is(201);
    kate.posts("/v1/tokens", ()).await.is(201);
    other.gets("/v1/tokens?limit=100").await.is(200);
    other.gets("/v1/tokens?limit=1").await.is(200);
    for _ in 4..100 {
        kate.creates_token("").await;
    }
    kate.posts("/v1/tokens", "").await.is(409);
    kate.revokes_token(&id).await.is(204);
    kate.revokes_token(&id).await.is(404);
    kate.revokes_other_tokens().await.is(204);
}

pub async fn use_webhooks(world: &World) {
    let kate = &world.kate;
    let receiver = Receiver::start().await;
    let form = format!("url={}&events[]=message.created", receiver.url());
    let webhook = kate.posts("/v1/webhooks", form).await.is(201).json();
    let types = json!([
        "message.created",
        "message.updated",
        "message.deleted",
        "conversation.created",
        "conversation.updated",
        "conversation.deleted",
        "resync",
        "webhook.test",
    ]);
    for events in [types.clone(), Value::Null] {
        let body = json!({"url": receiver.url(), "events": events});
        kate.posts("/v1/webhooks", Json(body)).await.is(201);
    }
    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    for body in [
        json!({"url": receiver.url(), "events": types, "is_enabled": false}),
        json!({"url": null, "events": null, "is_enabled": null}),
        json!({"is_enabled": "true"}),
    ] {
        kate.puts(&path, Json(body)).await.is(200);
    }
    let form = format!(
        "url={}&events[]=resync&events[]=message.created&is_enabled=true",
        receiver.url()
    );
    kate.puts(&path, form).await.is(200);
    // First it fails, then it is gone.
    for status in [500, 410] {
        receiver.responds(status, &[]);
        world.kevin.sends("hello").await;
        world.delivers().await;
        let due = Clock::system().now().after(Duration::from_mins(2));
        world.delivers_due(due).await;
        kate.gets(&path).await.is(200);
        kate.gets("/v1/webhooks").await.is(200);
        kate.gets("/v1/webhooks?limit=100").await.is(200);
        kate.gets("/v1/webhooks?limit=1").await.is(200);
        kate.puts(&path, "events[]=message.created").await.is(200);
    }
    for body in [
        json!({"url": "http:"}),
        json!({"url": receiver.url(), "events": []}),
        json!({"url": receiver.url(), "events": ["resync", "resync"]}),
        json!({"url": receiver.url(), "events": ["typing"]}),
    ] {
        kate.posts("/v1/webhooks", Json(body.clone())).await.is(400);
        kate.puts(&path, Json(body)).await.is(400);
    }
    for _ in 3..10 {
        let form = format!("url={}", receiver.url());
        kate.posts("/v1/webhooks", form).await.is(201);
    }
    let form = format!("url={}", receiver.url());
    kate.posts("/v1/webhooks", &*form).await.is(409);
    rotate_secret(kate, &path).await;
    use_deliveries(world, &path).await;
    let store = world.store().clone().with_webhooks(Webhooks::Disabled);
    let disabled = kate.at(&crate::harness::serve(world.stack(), &store).await);
    disabled.posts("/v1/webhooks", &*form).await.is(403);
    disabled.puts(&path, "is_enabled=true").await.is(403);
    let (test, replay) = (format!("{path}/test"), format!("{path}/replay"));
    let ids = "ids[]=00000000000000000";
    disabled.posts(&test, ()).await.is(403);
    disabled.posts(&replay, ids).await.is(403);
    kate.deletes(&path).await.is(204);
    kate.gets(&path).await.is(404);
    kate.puts(&path, "is_enabled=true").await.is(404);
    kate.posts(&format!("{path}/secret"), ()).await.is(404);
    kate.posts(&test, ()).await.is(404);
    kate.gets(&format!("{path}/deliveries")).await.is(404);
    kate.posts(&replay, ids).await.is(404);
    kate.deletes(&path).await.is(404);
}

/// Rotates the secret of a webhook as often as possible, and once more.
async fn rotate_secret(person: &Person, path: &str) {
    let path = format!("{path}/secret");
    for _ in 0..4 {
        person.posts(&path, ()).await.is(200);
    }
    person.posts(&path, ()).await.is(409);
}

/// Tests a webhook that is disabled, lists its deliveries, and replays them.
async fn use_deliveries(world: &World, path: &str) {
    let kate = &world.kate;
    let (test, replay) = (format!("{path}/test"), format!("{path}/replay"));
    let list = format!("{path}/deliveries");
    let unknown = "0".repeat(17);
    kate.posts(&test, ()).await.is(409);
    kate.posts(&replay, format!("ids[]={unknown}"))
        .await
        .is(409);
    kate.puts(path, "is_enabled=true").await.is(200);
    let tested = kate.posts(&test, ()).await.is(202).json();
    let tested = tested["id"].as_str().unwrap();
    for query in [
        String::new(),
        "limit=1".to_owned(),
        "limit=100&status=waiting".to_owned(),
        "status=delivered".to_owned(),
        "status=failed".to_owned(),
        format!("starting_after={tested}"),
        format!("ending_before={unknown}"),
    ] {
        kate.gets(&format!("{list}?{query}")).await.is(200);
    }
    for query in [
        "limit=0".to_owned(),
        "limit=101".to_owned(),
        "status=x".to_owned(),
        "starting_after=x".to_owned(),
        format!("starting_after={tested}&ending_before={tested}"),
    ] {
        kate.gets(&format!("{list}?{query}")).await.is(400);
    }
    let replayed = format!("ids[]={tested}");
    kate.posts(&replay, &*replayed).await.is(202);
    let too_many: Vec<_> = (0..101).map(|number| format!("{number:017}")).collect();
    for (ids, status) in [
        (json!([tested]), 202),
        (json!([tested, unknown]), 404),
        (json!([tested, tested]), 400),
        (json!([]), 400),
        (json!(["x"]), 400),
        (json!(too_many), 400),
        (json!(too_many[..100]), 404),
    ] {
        let body = Json(json!({ "ids": ids }));
        kate.posts(&replay, body).await.is(status);
    }
}

/// As the operator's server, whose webhooks get the events of all conversations.
pub async fn use_webhooks_of_the_operator(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    let server = world.new_server(&[Scope::Webhooks]).await;
    let receiver = Receiver::start().await;
    let form = format!("url={}", receiver.url());
    world.settles().await;
    let webhook = server.posts("/v1/webhooks", form).await.is(201).json();
    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    server.gets("/v1/webhooks").await.is(200);
    server.gets(&path).await.is(200);
    server.puts(&path, "is_enabled=true").await.is(200);
    server.posts(&format!("{path}/secret"), ()).await.is(200);
    let test = server.posts(&format!("{path}/test"), ()).await.is(202);
    let replay = format!("ids[]={}", test.json()["id"].as_str().unwrap());
    let named = kevin.creates_conversation(&[kate], "name=Attic").await;
    let id = named.sends("hello").await;
    world.delivers().await;
    kate.reacts(&id, "heart").await.is(200);
    named.deletes_message(&id).await.is(204);
    world.delivers().await;
    // No response, so that `last_error` is set.
    let closed = "url=http://127.0.0.1:1/closed";
    server.puts(&path, closed).await.is(200);
    named.sends("hello").await;
    world.delivers().await;
    server.gets(&format!("{path}/deliveries")).await.is(200);
    server
        .posts(&format!("{path}/replay"), replay)
        .await
        .is(202);
    server.deletes(&path).await.is(204);
    let contract = Contract::new(document());
    let schema = json!({"$ref": "#/components/schemas/WebhookDelivery"});
    let mut types = BTreeSet::new();
    for received in receiver.takes() {
        assert_eq!(contract.error(&schema, &received.json()), None);
        types.insert(received.event_type());
    }
    for expected in [
        "webhook.test",
        "conversation.created",
        "message.created",
        "message.deleted",
    ] {
        assert!(types.contains(expected), "no {expected} among {types:?}");
    }
}

/// As the operator's server.
pub async fn manage_contacts(world: &World) {
    let server = world.new_server(&Scope::ALL).await;
    let long = "x".repeat(255);
    let full = json!({
        "username": "Marv", "phone_number": "1".repeat(32), "external_id": long,
        "avatar_url": format!("https://{}", "x".repeat(1016)),
    });
    let created = server.posts("/v1/contacts", Json(full.clone())).await;
    let id = created.is(201).json()["id"].as_str().unwrap().to_owned();
    server.posts("/v1/contacts", form(&full)).await.is(200);
    let names =
        json!({"username": "Harry", "phone_number": null, "avatar_url": null, "external_id": null});
    server.posts("/v1/contacts", Json(names)).await.is(201);
    let form_without = "username=Snakes&metadata=";
    server.posts("/v1/contacts", form_without).await.is(201);
    for fields in [
        json!({"username": "Marv"}),
        json!({"username": "0123456789abcdef"}),
        json!({"username": "a"}),
        json!({"username": "Another", "external_id": "x".repeat(256)}),
        json!({"username": "Another", "external_id": ""}),
        json!({"username": "Another", "external_id": "a b"}),
        json!({"username": "Another", "phone_number": ""}),
        json!({"username": "Another", "avatar_url": "x"}),
        json!({"phone_number": "1"}),
        json!({"username": "Another", "metadata": metadata_with_keys(51)}),
    ] {
        let refused = server.posts("/v1/contacts", Json(fields)).await;
        assert!([400, 409].contains(&refused.status.as_u16()), "{refused:?}");
    }
    let path = format!("/v1/contacts/{id}");
    let each = json!({
        "username": "Marvin", "phone_number": "2", "avatar_url": "https://example.com", "external_id": "marv", "suspended": false,
    });
    server.puts(&path, Json(each.clone())).await.is(200);
    server.puts(&path, form(&each)).await.is(200);
    server.puts(&path, "metadata=").await.is(200);
    for fields in [
        json!({"username": null, "phone_number": null, "avatar_url": null, "external_id": null}),
        json!({"username": null, "suspended": true}),
        json!({"phone_number": "1", "suspended": null}),
        json!({"external_id": "marv"}),
    ] {
        server.puts(&path, Json(fields)).await.is(200);
    }
    server.posts(&format!("{path}/tokens"), "").await.is(409);
    for (fields, status) in [
        (json!({"username": "Harry"}), 409),
        (json!({"username": "0123456789abcdef"}), 400),
        (json!({"external_id": "a b"}), 400),
        (json!({"metadata": metadata_with_keys(51)}), 400),
        (json!({}), 400),
    ] {
        server.puts(&path, Json(fields)).await.is(status);
    }
    let other = json!({"username": "Other", "external_id": "other"});
    server.posts("/v1/contacts", Json(other)).await.is(201);
    server.puts(&path, "external_id=other").await.is(409);
    for number in 0..5 {
        let form = format!("username=name{number}");
        server.puts(&path, form).await;
    }
    server.puts(&path, "username=one.more").await.is(429);
    for query in ["external_id=marv", "username=other", "limit=1"] {
        server.gets(&format!("/v1/contacts?{query}")).await.is(200);
    }
    for query in ["external_id=marv&limit=1", "external_id="] {
        server.gets(&format!("/v1/contacts?{query}")).await.is(400);
    }
    server.gets(&path).await.is(200);
    let unknown = "/v1/contacts/external:nobody";
    server.gets(unknown).await.is(404);
    server.puts(unknown, "suspended=false").await.is(404);
    server.posts(&format!("{unknown}/tokens"), "").await.is(404);
    server.deletes(&format!("{unknown}/tokens")).await.is(404);
    let tokens = "/v1/contacts/external:other/tokens";
    for fields in [
        json!({"label": "phone", "expires_in": 60}),
        json!({"label": null, "expires_in": null}),
    ] {
        server.posts(tokens, Json(fields)).await.is(201);
    }
    server
        .posts(tokens, "label=phone&expires_in=315360000")
        .await
        .is(201);
    for form in ["label=%00", "expires_in=0", "expires_in=315360001"] {
        server.posts(tokens, form).await.is(400);
    }
    server.deletes(tokens).await.is(204);
    let acting = server
        .on_behalf_of(world.kevin.id)
        .within(world.conversation);
    acting.sends("hello").await;
    acting.puts("/v1/blocks/external:other", ()).await.is(204);
    let path = "/v1/contacts/external:other";
    server.deletes(path).await.is(200);
    server.deletes(path).await.is(404);
}

/// Edits a message as often as it keeps edits, where they are recorded.
pub async fn record_edits(world: &World) {
    let url = world.host().records_edits().start().await;
    let kevin = world.kevin.at(&url);
    let id = kevin.sends("0").await;
    let path = format!("/v1/messages/{id}/edits");
    kevin.gets(&path).await.is(200);
    for number in 1..=20 {
        let form = format!("message={number}");
        kevin.updates_message(&id, form).await.is(200);
    }
    kevin.gets(&path).await.is(200);
    world.buzz.gets(&path).await.is(404);
}

/// Follows the feed of changes.
pub async fn follow_events(world: &World) {
    let (kevin, kate) = (&world.kevin, &world.kate);
    world.settles().await;
    let cursor = kate.begins_events().await;
    let changed = kevin.sends("hello").await;
    world.settles().await;
    kevin.updates_message(&changed, "message=hi").await.is(200);
    kevin.sends_and_deletes().await;
    world.settles().await;
    for limit in ["1", "100"] {
        let query = format!("/v1/events?after={cursor}&limit={limit}");
        kate.gets(&query).await.is(200);
    }
    let second = kate.gets_events(&cursor, 1).await.json();
    let second = second["cursor"].as_str().unwrap();
    kate.gets_events(second, 100).await.is(200);
    for query in ["after=x", "limit=0", "limit=101", "limit=x"] {
        kate.gets(&format!("/v1/events?{query}")).await.is(400);
    }
    kevin.gets_events(&cursor, 1).await.is(400);
    let lapsed = Clock::system().now().after(Duration::from_hours(40 * 24));
    let kate = kate.at(&world.host().clock(move || lapsed).start().await);
    kate.gets_events(&cursor, 1).await.is(410);
    kate.begins_events().await;
    kate.gets_events(&cursor, 100).await.is(200);
}

/// As the operator's moderator.
pub async fn moderate(world: &World) {
    let server = world.new_server(&[Scope::Moderate]).await;
    let server = server.within(world.conversation);
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("hello").await;
    let report = format!("/v1/messages/{id}/report");
    let without_reason = Json(json!({"reason": null}));
    kate.posts(&report, without_reason).await.is(201);
    let long = json!({"reason": "x".repeat(500)});
    kate.posts(&report, form(&long)).await.is(200);
    let linnies = world.linnie.posts(&report, Json(long)).await;
    let linnies = linnies.is(201).json();
    for reason in [json!(""), json!(" "), json!("x".repeat(501))] {
        let invalid = Json(json!({ "reason": reason }));
        kate.posts(&report, invalid).await.is(400);
    }
    world.buzz.posts(&report, ()).await.is(404);
    for query in [
        "",
        "limit=1",
        "limit=100",
        "resolved=true",
        "resolved=false",
    ] {
        server.gets(&format!("/v1/reports?{query}")).await.is(200);
    }
    let (report, other) = (linnies["id"].as_str().unwrap(), ContactId::random());
    for query in [
        "limit=0".to_owned(),
        "limit=101".to_owned(),
        "starting_after=x".to_owned(),
        format!("starting_after={other}&ending_before={other}"),
    ] {
        server.gets(&format!("/v1/reports?{query}")).await.is(400);
    }
    let path = format!("/v1/reports/{report}");
    server.puts(&path, "resolution=deleted").await.is(200);
    let long = json!({"resolution": "x".repeat(500)});
    server.puts(&path, Json(long)).await.is(200);
    server.gets("/v1/reports?resolved=true").await.is(200);
    for resolution in [json!(""), json!(" "), json!("x".repeat(501))] {
        let invalid = Json(json!({ "resolution": resolution }));
        server.puts(&path, invalid).await.is(400);
    }
    let unknown = format!("/v1/reports/{other}");
    server.puts(&unknown, "resolution=x").await.is(404);
    server.lists_messages("").await.is(200);
    server.gets_message(&id).await.is(200);
    server.gets_conversation().await.is(200);
    let conversation = format!("/v1/conversations/{}", world.conversation);
    let close = |fields: Value| server.puts(&conversation, Json(fields));
    close(json!({"closed": true, "name": null})).await.is(200);
    kevin.tries_to_send("more").await.is(403);
    kevin.updates_message(&id, "message=more").await.is(403);
    let upload = "filename=a&file_size=1";
    kevin.tries_to_create_attachment(upload).await.is(403);
    kevin.updates_conversation("name=x").await.is(403);
    kevin.gets_conversation().await.is(200);
    close(json!({"closed": null, "is_muted": true}))
        .await
        .is(403);
    close(json!({"closed": true, "is_muted": true}))
        .await
        .is(400);
    server.updates_conversation("closed=false").await.is(200);
    let named = kevin
        .creates_conversation(&[kate, &world.linnie], "name=Home")
        .await;
    let home = server.within(named.conversation);
    home.updates_conversation("closed=true").await.is(200);
    named.adds_participant(&world.buzz).await.is(403);
    server.deletes_message(&id).await.is(204);
    server.removes_participant(&world.linnie).await.is(204);
}

pub async fn read_the_audit_trail(world: &World) {
    let auditor = world.new_server(&[Scope::Export]).await;
    for query in ["limit=100", "limit=1", "day=2026-11-29"] {
        auditor.gets(&format!("/v1/audit?{query}")).await.is(200);
    }
    let id = ContactId::random();
    for query in [
        "limit=0".to_owned(),
        "limit=101".to_owned(),
        "starting_after=x".to_owned(),
        "day=2026-02-30".to_owned(),
        format!("starting_after={id}&ending_before={id}"),
    ] {
        auditor.gets(&format!("/v1/audit?{query}")).await.is(400);
    }
}

pub async fn exceed_quotas(world: &World) {
    let limits = Limits {
        conversations_per_day: 1,
        participants_per_day: 1,
        uploads_per_day: 1,
        max_file_bytes: 100,
        ..Limits::default()
    };
    let host = world.host().limits(limits).start().await;
    let [ann, bob] = [world.new_person("ann").await, world.new_person("bob").await];
    let group = ann
        .at(&host)
        .creates_conversation(&[&bob], "name=Group")
        .await;
    group
        .tries_to_create_conversation(&[&bob], "name=Another")
        .await
        .is(429);
    group.adds_participant(&world.kate).await.is(429);
    let upload = async |size| {
        let form = format!("filename=a&file_size={size}");
        group.tries_to_create_attachment(&form).await
    };
    upload(101).await.is(400);
    upload(100).await.is(201);
    upload(1).await.is(429);
}
