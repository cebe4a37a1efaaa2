//! Events that no well-behaved client causes: each gets a documented response.

use serde_json::{Value, json};

use crate::{Fixture, event};

/// Returns an event of `list-messages`, modified by `change`.
fn list_messages_event(change: impl FnOnce(&mut Value)) -> Value {
    let mut event = event("GET /v1/messages", "/v1/messages", "citypay_demo_kevin");
    change(&mut event);
    event
}

#[tokio::test]
async fn a_malformed_query_path_or_header_never_causes_a_500() {
    let fixture = Fixture::new().await;
    let mut function = fixture.function("list-messages").await;
    for query in [
        "limit=\"1\"",
        "limit=<1>",
        "limit=1 2",
        "limit=%",
        "limit=%zz",
        "limit=%00",
        "limit=%ff",
        "a[b[c]]=1",
        "[]=1",
        "limit[]=1",
        "=1",
        "&&&",
        "limit=1&limit=2",
        "limit=1\u{0}",
        "limit=ü",
        "limit={1}",
        "limit=1|2",
        "limit=1\\2",
        "limit=1^2",
        "limit=1`2",
        "#limit=1",
        "?limit=1",
        "limit=\r\nX: y",
        "limit=\u{202e}1",
        "created_at[gte]=99999999999999999999",
    ] {
        let response = function
            .invoke(&list_messages_event(|event| {
                event["rawQueryString"] = json!(query);
            }))
            .await;
        let status = response["statusCode"].as_u64().unwrap_or_default();
        assert!([200, 400].contains(&status), "{query:?}: {response}");
    }
    for path in [
        "/v1/messages\"",
        "/v1/me ssages",
        "/v1/<>",
        "",
        "//",
        "/v1/messages?x",
        "/ü",
        "/%",
        "/\u{0}",
    ] {
        let response = function
            .invoke(&list_messages_event(|event| event["rawPath"] = json!(path)))
            .await;
        assert!(
            response["statusCode"]
                .as_u64()
                .is_some_and(|status| status < 500),
            "{path:?}: {response}"
        );
    }
    for (name, value) in [
        ("authorization", "Bearer ü"),
        ("authorization", ""),
        ("content-type", "ü"),
        ("host", "not a host"),
        ("host", ""),
        ("x-forwarded-proto", "\""),
        ("x-forwarded-port", "x"),
    ] {
        let response = function
            .invoke(&list_messages_event(|event| {
                event["headers"][name] = json!(value);
            }))
            .await;
        let status = response["statusCode"].as_u64().unwrap_or_default();
        assert!(
            (200..500).contains(&status),
            "{name}: {value:?}: {response}"
        );
    }
}
