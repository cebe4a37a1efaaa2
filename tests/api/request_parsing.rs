//! Formats of requests: content types, forms, JSON, and errors in them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Json, World};

#[tokio::test]
async fn a_form_and_json_are_equivalent() {
    let world = World::new().await;
    let conversation = world.conversation;
    let form = format!("conversation_id={conversation}&message=%C3%A9%20%26+%2B");
    let json = Json(json!({"conversation_id": conversation, "message": "é & +"}));
    let by_form = world.kevin.posts("/v1/messages", form).await.is(201).json();
    let by_json = world.kevin.posts("/v1/messages", json).await.is(201).json();
    assert_eq!(by_form["message"], "é & +");
    assert_eq!(by_form["message"], by_json["message"]);
}

#[tokio::test]
async fn the_content_type_may_have_parameters_and_any_case() {
    let world = World::new().await;
    let form = format!("conversation_id={}&message=hi", world.conversation);
    let json = json!({"conversation_id": world.conversation, "message": "hi"}).to_string();
    for (content_type, body) in [
        ("application/x-www-form-urlencoded; charset=utf-8", &form),
        ("Application/X-WWW-Form-Urlencoded", &form),
        ("application/json;charset=UTF-8", &json),
        ("APPLICATION/JSON", &json),
    ] {
        world
            .kevin
            .posts("/v1/messages", (content_type, body.as_bytes()))
            .await
            .is(201);
    }
}

#[tokio::test]
async fn an_unsupported_content_type_returns_415() {
    let world = World::new().await;
    for content_type in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
    ] {
        let body = (content_type, &b"message=hi"[..]);
        world
            .kevin
            .posts("/v1/messages", body)
            .await
            .fails(415, "media_type_unsupported", ());
    }
}

#[tokio::test]
async fn a_body_over_256_kib_returns_413() {
    let world = World::new().await;
    let body = vec![b'a'; 256 * 1024 + 1];
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let response = world
            .kevin
            .posts("/v1/messages", (content_type, &body[..]))
            .await;
        response.fails(413, "body_too_large", ());
    }
}

#[tokio::test]
async fn malformed_json_returns_400() {
    let world = World::new().await;
    let deep = "[".repeat(10_000);
    let deep_object = r#"{"a":"#.repeat(10_000);
    for body in [
        "{",
        "",
        "nonsense",
        "[]",
        "\"text\"",
        "1",
        "null",
        r#"{"a":1}x"#,
        "{\"a\":\"\u{1}\"}",
        &deep,
        &deep_object,
    ] {
        let response = world
            .kevin
            .posts("/v1/messages", ("application/json", body.as_bytes()))
            .await;
        if body.is_empty() {
            response.fails(400, "parameter_missing", "conversation_id");
        } else {
            response.fails(400, "malformed_request", ());
        }
    }
}

#[tokio::test]
async fn invalid_utf_8_in_a_form_returns_400() {
    let world = World::new().await;
    let conversation = world.conversation;
    for message in [&b"%FF"[..], b"%C3", b"%ED%A0%80"] {
        let form = [
            format!("conversation_id={conversation}&message=").as_bytes(),
            message,
        ]
        .concat();
        let body = ("application/x-www-form-urlencoded", &form[..]);
        world
            .kevin
            .posts("/v1/messages", body)
            .await
            .fails(400, "parameter_invalid", "message");
    }
    let name = ("application/x-www-form-urlencoded", &b"%FF=1"[..]);
    world
        .kevin
        .posts("/v1/messages", name)
        .await
        .fails(400, "malformed_request", ());
}

#[tokio::test]
async fn invalid_parameters_return_400_and_are_named() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let message = format!("/v1/messages/{id}");
    let conversation = format!("conversation_id={}", world.conversation);
    let kevin = &world.kevin.username;
    let long_name = "n".repeat(1000);
    let shown_name = format!("{}…", "n".repeat(200));
    #[rustfmt::skip]
    let table: Vec<(Method, &str, String, &str, Value)> = vec![
        // method, path, parameters, code, param
        (Method::GET, "/v1/messages", "limit=0".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=101".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=-1".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=1.5".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=ten".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit[]=1".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "limit=1&limit=2".into(), "parameter_repeated", "limit".into()),
        (Method::GET, "/v1/messages", "limit=99999999999999999999".into(), "parameter_invalid", "limit".into()),
        (Method::GET, "/v1/messages", "conversation_id=short".into(), "parameter_invalid", "conversation_id".into()),
        (Method::GET, "/v1/messages", "conversation_id=".into(), "parameter_invalid", "conversation_id".into()),
        (Method::GET, "/v1/messages", "created_at=1".into(), "parameter_invalid", "created_at".into()),
        (Method::GET, "/v1/messages", "created_at[]=1&created_at[]=2".into(), "parameter_invalid", "created_at".into()),
        (Method::GET, "/v1/messages", "created_at[gt]=1".into(), "parameter_unknown", "created_at[gt]".into()),
        (Method::GET, "/v1/messages", "created_at[gte]=now".into(), "parameter_invalid", "created_at[gte]".into()),
        (Method::GET, "/v1/messages", "created_at[gte]=1&created_at[gte]=2".into(), "parameter_repeated", "created_at[gte]".into()),
        (Method::GET, "/v1/messages", "page=2".into(), "parameter_unknown", "page".into()),
        (Method::GET, "/v1/messages", "Limit=2".into(), "parameter_unknown", "Limit".into()),
        (Method::GET, "/v1/messages", "=2".into(), "parameter_unknown", "".into()),
        (Method::GET, "/v1/messages", "limit[=2".into(), "malformed_request", Value::Null),
        (Method::GET, "/v1/messages", "a[b][c][d][e][f]=2".into(), "malformed_request", Value::Null),
        (Method::POST, "/v1/messages", format!("{conversation}&message=a&message=b"), "parameter_repeated", "message".into()),
        (Method::POST, "/v1/messages", format!("{conversation}&message[]=a"), "parameter_invalid", "message".into()),
        (Method::POST, "/v1/messages", format!("{conversation}&message[a]=a"), "parameter_invalid", "message".into()),
        (Method::POST, "/v1/messages", format!("{conversation}&message=a&message[a]=a"), "parameter_repeated", "message[a]".into()),
        (Method::POST, "/v1/messages", format!("{conversation}&message=a&contact=b"), "parameter_unknown", "contact".into()),
        (Method::POST, "/v1/messages", format!("{conversation}&message=a&{long_name}=b"), "parameter_unknown", shown_name.into()),
        (Method::POST, "/v1/messages", "You’re what the French call".into(), "parameter_unknown", "You’re what the French call".into()),
        (Method::POST, "/v1/messages", r#"{"message": "hi"}"#.into(), "malformed_request", Value::Null),
        (Method::PUT, &message, "reactions=heart".into(), "parameter_invalid", "reactions".into()),
        (Method::PUT, &message, "reactions[]=heart".into(), "parameter_invalid", "reactions[]".into()),
        (Method::PUT, &message, format!("reactions[heart]={kevin}"), "parameter_invalid", "reactions[heart]".into()),
        (Method::PUT, &message, format!("reactions[Heart][]={kevin}"), "parameter_invalid", "reactions[Heart]".into()),
        (Method::PUT, &message, format!("reactions[][]={kevin}"), "malformed_request", Value::Null),
        (Method::PUT, &message, "reactions[heart][]=".into(), "parameter_invalid", "reactions[heart][]".into()),
        (Method::PUT, &message, format!("reactions[heart][]={}", "x".repeat(40)), "parameter_invalid", "reactions[heart][]".into()),
        (Method::PUT, &message, "reactions[heart]=&reactions[heart]=".into(), "parameter_repeated", "reactions[heart]".into()),
        (Method::PUT, &message, "read=1".into(), "parameter_invalid", "read".into()),
        (Method::PUT, &message, "read=true&read=true".into(), "parameter_repeated", "read".into()),
        (Method::PUT, &message, "id=1".into(), "parameter_unknown", "id".into()),
    ];
    for (method, path, parameters, code, param) in table {
        let response = if method == Method::GET {
            world.kevin.gets(&format!("{path}?{parameters}")).await
        } else {
            world
                .kevin
                .requests(method.clone(), path, &[], parameters.as_str())
                .await
        };
        eprintln!("{method} {path} {parameters}: {}", response.text);
        response.fails(400, code, param);
    }
    assert_eq!(
        world.kevin.lists_messages("").await.is(200).texts(),
        ["hello"],
        "no request had an effect"
    );
}

#[tokio::test]
async fn invalid_json_values_return_400_and_are_named() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let kevin = &world.kevin.username;
    #[rustfmt::skip]
    let table = [
        (r#"{"message": 1}"#.to_owned(), "parameter_invalid", "message"),
        (r#"{"message": {"a": 1}}"#.to_owned(), "parameter_invalid", "message"),
        (r#"{"message": "a", "message": "b"}"#.to_owned(), "parameter_repeated", "message"),
        (r#"{"reactions": [[{"heart": []}]]}"#.to_owned(), "parameter_invalid", "reactions[]"),
        (r#"{"read": "yes"}"#.to_owned(), "parameter_invalid", "read"),
        (r#"{"reactions": [{"heart": [1]}]}"#.to_owned(), "parameter_invalid", "reactions[][heart][]"),
        (r#"{"reactions": {"heart": null}}"#.to_owned(), "parameter_invalid", "reactions[heart]"),
        (format!(r#"{{"reactions": {{"heart": [], "heart": ["{kevin}"]}}}}"#), "parameter_invalid", "reactions"),
        (r#"{"reactions": {"heart": []}, "unknown": null}"#.to_owned(), "parameter_unknown", "unknown"),
    ];
    for (body, code, param) in table {
        let response = world
            .kevin
            .updates_message(&id, ("application/json", body.as_bytes()))
            .await;
        eprintln!("{body}: {}", response.text);
        response.fails(400, code, param);
    }
    assert_eq!(
        world.kevin.gets_message(&id).await.json()["updated_at"],
        Value::Null,
        "no request had an effect"
    );
}

#[tokio::test]
async fn a_body_on_get_and_a_query_on_post_return_400() {
    let world = World::new().await;
    let form = format!("conversation_id={}", world.conversation);
    let body_on_get = world
        .kevin
        .requests(Method::GET, "/v1/messages", &[], form.as_str())
        .await;
    body_on_get.fails(400, "malformed_request", ());
    let query_on_post = world
        .kevin
        .posts(&format!("/v1/messages?{form}"), "message=hi")
        .await;
    query_on_post.fails(400, "malformed_request", ());
}

/// To JSON Schema, 3600.0 is an integer.
#[tokio::test]
async fn a_whole_number_in_json_may_be_written_with_a_fraction_of_zero() {
    let world = World::new().await;
    for (seconds, is_whole) in [("3600.0", true), ("36e2", true), ("3600.5", false)] {
        let body = format!(r#"{{"expires_in": {seconds}}}"#);
        let body = ("application/json", body.as_bytes());
        let response = world.kevin.posts("/v1/tokens", body).await;
        if is_whole {
            let token = response.is(201).json();
            let lifetime =
                token["expires_at"].as_u64().unwrap() - token["created_at"].as_u64().unwrap();
            assert_eq!(lifetime, 3600, "{seconds}");
        } else {
            response.fails(400, "parameter_invalid", "expires_in");
        }
    }
}
