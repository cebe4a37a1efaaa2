//! Requests that break a rule of the contract or exceed a limit.

use serde_json::{Value, json};
use shared::id::{ContactId, ConversationId};

use crate::harness::{Body, Json, Person, World, metadata_with_keys};

/// Sends lists with cursors that they do not take: `foreign` is an id of another conversation than `message`.
async fn break_rules_of_lists(kevin: &Person, message: &str, foreign: &str) {
    let (id, conversation) = (ContactId::random(), kevin.conversation);
    for (path, cursor) in [
        ("/v1/messages", message),
        ("/v1/conversations", &id.to_string()),
        ("/v1/contacts", &id.to_string()),
        ("/v1/blocks", &id.to_string()),
        ("/v1/tokens", &id.to_string()),
        ("/v1/webhooks", &id.to_string()),
    ] {
        kevin.gets(&format!("{path}?limit=100")).await.is(200);
        for query in ["limit=0", "limit=101", "limit=x", "starting_after=x"] {
            kevin.gets(&format!("{path}?{query}")).await.is(400);
        }
        let both = format!("{path}?starting_after={cursor}&ending_before={cursor}");
        kevin.gets(&both).await.is(400);
    }
    let attachments = format!("/v1/attachments?conversation_id={conversation}");
    for query in [
        format!("{attachments}&starting_after={foreign}"),
        format!("{attachments}&ending_before={foreign}"),
        format!("{attachments}&starting_after={message}&ending_before={message}"),
        format!("{attachments}&limit=0"),
        format!("/v1/messages?conversation_id={conversation}&starting_after={foreign}"),
        format!("/v1/messages?conversation_id={conversation}&contact_id={id}&is_pinned=true"),
        format!("/v1/messages?contact_id={id}"),
        format!("/v1/messages?conversation_id={conversation}&ending_before={foreign}"),
        "/v1/messages?created_at[gte]=253402300800".to_owned(),
        format!("/v1/conversations?starting_after={id}"),
        format!("/v1/conversations?ending_before={id}"),
        "/v1/conversations?archived=true&pending=true".to_owned(),
        "/v1/contacts?username=someone&limit=1".to_owned(),
    ] {
        kevin.gets(&query).await.is(400);
    }
}

/// Values at and beyond the limits, and requests that fit the schemas and break a rule.
pub async fn break_rules(world: &World, crowd: &[Person]) {
    let kevin = &world.kevin;
    let message = kevin.sends("hello").await;
    let foreign = format!("{}{}", &message[..9], ConversationId::random());
    let conversation = kevin.conversation;
    break_rules_of_lists(kevin, &message, &foreign).await;
    let too_long = json!("é".repeat(32 * 1024 / 2 + 1));
    let emoji: serde_json::Map<_, _> = (0..51)
        .map(|number| (format!("e{number}"), json!([kevin.username])))
        .collect();
    let create = |fields: Value| ("POST", "/v1/conversations".to_owned(), fields);
    let update = |fields: Value| ("PUT", format!("/v1/messages/{message}"), fields);
    let update_conversation =
        |fields: Value| ("PUT", format!("/v1/conversations/{conversation}"), fields);
    let participants = json!([world.kate.username]);
    let metadata = metadata_with_keys(51);
    for (method, path, fields) in [
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"conversation_id": conversation, "message": too_long}),
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"conversation_id": conversation, "message": " "}),
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"conversation_id": conversation, "message": "hello", "metadata": metadata}),
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"conversation_id": conversation, "message": "hello", "reply_to": foreign}),
        ),
        update(json!({"metadata": metadata})),
        create(json!({"participants": participants, "metadata": metadata})),
        update_conversation(json!({"metadata": metadata})),
        update(json!({"message": too_long})),
        update(json!({"reactions": emoji})),
        update(json!({"attachments": [message, message]})),
        update(json!({"read": null})),
        create(json!({"participants": participants, "name": "\u{202e}"})),
        create(json!({"participants": participants, "name": "x".repeat(101)})),
        update_conversation(json!({"name": "\n"})),
        update_conversation(json!({"read_up_to": foreign})),
        update_conversation(json!({"accepted": false})),
        ("PUT", "/v1/me".to_owned(), json!({"username": "admin"})),
        (
            "PUT",
            "/v1/me".to_owned(),
            json!({"username": "x".repeat(33)}),
        ),
        ("PUT", "/v1/me".to_owned(), json!({"username": null})),
        ("PUT", format!("/v1/blocks/{}", kevin.id), Value::Null),
        (
            "POST",
            "/v1/tokens".to_owned(),
            json!({"label": "x".repeat(101)}),
        ),
        (
            "POST",
            "/v1/tokens".to_owned(),
            json!({"expires_in": 315_360_001}),
        ),
        ("POST", "/v1/tokens".to_owned(), json!({"expires_in": 0})),
    ] {
        let method = method.parse().unwrap();
        let body: Body = if fields.is_null() {
            ().into()
        } else {
            Json(fields).into()
        };
        let response = kevin.requests(method, &path, &[], body).await;
        assert_eq!(response.status, 400, "{path}: {response:?}");
    }
    kevin.posts("/v1/tokens", "expires_in=x").await.is(400);
    let (_, short) = kevin.creates_token("expires_in=60").await;
    short.posts("/v1/tokens", "expires_in=61").await.is(400);
    let others: Vec<_> = crowd[..90].iter().collect();
    kevin
        .tries_to_create_conversation(&others, "")
        .await
        .is(400);
    let full = kevin.creates_conversation(&others[1..], "name=Full").await;
    full.adds_participant(others[0]).await.is(400);
}
