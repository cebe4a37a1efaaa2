//! Metadata of messages, conversations and contacts.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::key::Scope;

use crate::harness::{Json, Person, World, metadata_with_keys};

impl Person {
    async fn metadata_of_conversation(&self) -> Value {
        self.gets_conversation().await.is(200).json()["metadata"].clone()
    }
}

#[tokio::test]
async fn the_author_sets_merges_and_removes_metadata_of_a_message() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let message = json!({
        "conversation_id": kevin.conversation, "message": "Pizza", "metadata": {"order": "7", "gone": ""},
    });
    let sent = kevin.posts("/v1/messages", Json(message)).await.is(201);
    let sent = sent.json();
    assert_eq!(sent["metadata"], json!({"order": "7"}));
    let id = sent["id"].as_str().unwrap();
    // In a form, the others stay, and a missing key can be removed.
    let form = "metadata[status]=open&metadata[other]=";
    let updated = kevin.updates_message(id, form).await.is(200).json();
    let both = json!({"order": "7", "status": "open"});
    assert_eq!(updated["metadata"], both);
    assert!(updated["updated_at"].is_u64());
    let seen = kate.gets_message(id).await.is(200).json();
    assert_eq!(seen["metadata"], both);
    let page = kate.lists_messages("").await.is(200).json();
    assert_eq!(page["data"][0]["metadata"], both);
    let last = &kate.gets_conversation().await.is(200).json()["last_message"];
    assert_eq!(last["metadata"], both);
    // Text and reactions are not affected, and do not affect it.
    kate.reacts(id, "heart").await.is(200);
    let edited = kevin.updates_message(id, "message=Pasta").await.is(200);
    assert_eq!(edited.json()["metadata"], both);
    let removed = json!({"metadata": {"order": null}});
    let removed = kevin.updates_message(id, Json(removed)).await.is(200);
    assert_eq!(removed.json()["metadata"], json!({"status": "open"}));
    let cleared = kevin.updates_message(id, "metadata=").await.is(200).json();
    assert_eq!(
        (&cleared["metadata"], &cleared["message"]),
        (&json!({}), &json!("Pasta"))
    );
    kate.updates_message(id, "metadata[a]=b")
        .await
        .fails(403, "not_the_author", "metadata");
}

#[tokio::test]
async fn an_update_that_changes_no_metadata_changes_nothing() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let form = format!(
        "conversation_id={}&message=a&metadata[a]=b",
        kevin.conversation
    );
    let sent = kevin.posts("/v1/messages", form).await.is(201);
    let (tag, sent) = (sent.header("etag").to_owned(), sent.json());
    let id = sent["id"].as_str().unwrap();
    for body in [
        json!({"metadata": {}}),
        json!({"metadata": {"a": "b", "c": ""}}),
    ] {
        let same = kevin.updates_message(id, Json(body)).await.is(200);
        assert_eq!(same.header("etag"), tag);
    }
}

#[tokio::test]
async fn metadata_is_part_of_what_an_idempotency_key_stands_for() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let send = async |metadata: Value| {
        let message = json!({
            "conversation_id": kevin.conversation, "message": "Pizza", "metadata": metadata,
        });
        let key = [("idempotency-key", "pizza")];
        let method = reqwest::Method::POST;
        kevin
            .requests(method, "/v1/messages", &key, Json(message))
            .await
    };
    let first = send(json!({"a": "b", "c": "d"})).await.is(201).json();
    // An empty value on creation is like none.
    let again = send(json!({"c": "d", "a": "b", "e": ""})).await.is(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json()["id"], first["id"]);
    for other in [json!({}), json!({"a": "b"}), json!({"a": "bc", "": "d"})] {
        let response = send(other).await;
        assert!(
            [400, 422].contains(&response.status.as_u16()),
            "{response:?}"
        );
    }
}

#[tokio::test]
async fn concurrent_updates_of_different_keys_are_all_kept() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("hello").await;
    let keys = 0..8;
    let on_message = keys.clone().map(|key| {
        let form = format!("metadata[{key}]=x");
        let id = &id;
        async move { kevin.updates_message(id, form).await.is(200) }
    });
    join_all(on_message).await;
    let group = kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let group = &group;
    let on_conversation = keys.map(|key| async move {
        let form = format!("metadata[{key}]=x");
        group.updates_conversation(&form).await.is(200)
    });
    join_all(on_conversation).await;
    let message = kevin.gets_message(&id).await.is(200).json();
    assert_eq!(message["metadata"].as_object().unwrap().len(), 8);
    let conversation = group.metadata_of_conversation().await;
    assert_eq!(conversation.as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn who_may_rename_a_conversation_sets_its_metadata_and_either_of_two() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let group = kevin
        .creates_conversation(&[kate, &world.linnie], "name=Home&metadata[topic]=house")
        .await;
    let topic = json!({"topic": "house"});
    let as_kate = kate.within(group.conversation);
    assert_eq!(as_kate.metadata_of_conversation().await, topic);
    as_kate
        .updates_conversation("metadata[topic]=car")
        .await
        .fails(403, "not_the_creator", "metadata");
    let both = "name=House&is_pinned=true&metadata[color]=red";
    let updated = group.updates_conversation(both).await.is(200).json();
    assert_eq!(
        updated["metadata"],
        json!({"topic": "house", "color": "red"})
    );
    assert_eq!(
        (&updated["name"], &updated["is_pinned"]),
        (&json!("House"), &json!(true))
    );
    let listed = kevin.lists_conversations("").await.is(200).json();
    assert_eq!(listed["data"][0]["metadata"], updated["metadata"]);

    let two = kevin.creates_conversation(&[&world.buzz], "").await;
    let as_buzz = world.buzz.within(two.conversation);
    as_buzz
        .updates_conversation("metadata[a]=b")
        .await
        .fails(403, "conversation_pending", ());
    as_buzz.accepts().await.is(200);
    as_buzz.updates_conversation("metadata[a]=b").await.is(200);
    two.updates_conversation("metadata[c]=d").await.is(200);
    let both = json!({"a": "b", "c": "d"});
    assert_eq!(as_buzz.metadata_of_conversation().await, both);
    // The conversation of two exists: it is returned unchanged.
    let again = kevin
        .tries_to_create_conversation(&[&world.buzz], "&metadata[a]=x")
        .await;
    assert_eq!(again.is(200).json()["metadata"], both);
    world.buzz.blocks(kevin).await.is(204);
    two.updates_conversation("metadata[c]=e")
        .await
        .fails(403, "not_accepting_messages", ());
}

#[tokio::test]
async fn a_request_with_too_much_metadata_neither_accepts_nor_marks_as_read() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let two = kevin.creates_conversation(&[buzz], "").await;
    let id = two.sends("hello").await;
    let keys: Vec<_> = (0..48).map(|key| format!("metadata[{key}]=x")).collect();
    two.updates_conversation(&keys.join("&")).await.is(200);
    let as_buzz = buzz.within(two.conversation);
    let update = format!("accepted=true&read_up_to={id}&metadata[a]=x&metadata[b]=x&metadata[c]=x");
    as_buzz
        .updates_conversation(&update)
        .await
        .fails(400, "parameter_invalid", "metadata");
    let conversation = as_buzz.gets_conversation().await.is(200).json();
    assert_eq!(conversation["is_pending"], true);
    let message = two.gets_message(&id).await.is(200).json();
    assert_eq!(message["read_at"], Value::Null);
}

#[tokio::test]
async fn a_server_sets_the_metadata_of_a_contact_and_whoever_sees_the_contact_sees_it() {
    let world = World::new().await;
    let server = world.new_server(&Scope::ALL).await;
    let username = format!("Harry.{}", world.kevin.id);
    let form = format!("username={username}&metadata[role]=plumber");
    let created = server.posts("/v1/contacts", form).await.is(201).json();
    let role = json!({"role": "plumber"});
    assert_eq!(created["metadata"], role);
    // Also a stranger.
    let found = format!("/v1/contacts?username={username}");
    let found = world.kate.gets(&found).await.is(200).json();
    assert_eq!(found["data"][0]["metadata"], role);

    let kevin = format!("/v1/contacts/{}", world.kevin.id);
    let updated = server.puts(&kevin, "metadata[role]=host").await.is(200);
    assert_eq!(updated.json()["metadata"], json!({"role": "host"}));
    let more = server.puts(&kevin, "metadata[level]=3").await.is(200);
    let both = json!({"role": "host", "level": "3"});
    assert_eq!(more.json()["metadata"], both);
    let id = world.kevin.sends("hello").await;
    let message = world.kate.gets_message(&id).await.is(200).json();
    assert_eq!(message["contact"]["metadata"], both);
    // It survives a change of the profile.
    world.kevin.puts("/v1/me", "avatar_url=").await.is(200);
    let me = world.kevin.gets("/v1/me").await.is(200).json();
    assert_eq!(me["metadata"], both);
    world
        .kevin
        .puts("/v1/me", "metadata[role]=admin")
        .await
        .fails(400, "parameter_unknown", "metadata");
}

#[tokio::test]
async fn invalid_metadata_is_named_and_changes_nothing() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("hello").await;
    let long = "x".repeat(501);
    for (metadata, param) in [
        (json!("text"), "metadata"),
        (json!(["a"]), "metadata"),
        (json!({"a": 1}), "metadata[a]"),
        (json!({"a": long}), "metadata[a]"),
        (json!({"a": "\u{7}"}), "metadata[a]"),
        (json!({"a[b]": "c"}), "metadata[a[b]]"),
        (json!({"": "c"}), "metadata[]"),
    ] {
        let update = json!({"message": "changed", "metadata": metadata});
        kevin
            .updates_message(&id, Json(update))
            .await
            .fails(400, "parameter_invalid", param);
    }
    let update = json!({"metadata": metadata_with_keys(50)});
    kevin.updates_message(&id, Json(update)).await.is(200);
    kevin
        .updates_message(&id, "message=changed&metadata[50]=x")
        .await
        .fails(400, "parameter_invalid", "metadata");
    let instead = "metadata[50]=x&metadata[0]=";
    kevin.updates_message(&id, instead).await.is(200);
    let large: serde_json::Map<_, _> = (0..9)
        .map(|key| (key.to_string(), json!("x".repeat(500))))
        .collect();
    let message = json!({
        "conversation_id": kevin.conversation, "message": "large", "metadata": large,
    });
    kevin
        .posts("/v1/messages", Json(message))
        .await
        .fails(400, "parameter_invalid", "metadata");
    let page = kevin.lists_messages("").await.is(200);
    assert_eq!(page.texts(), ["hello"]);
}
