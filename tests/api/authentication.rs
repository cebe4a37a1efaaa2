//! `Authorization: Bearer <token>`

use reqwest::Method;

use crate::harness::World;

#[tokio::test]
async fn a_missing_token_returns_401_with_www_authenticate() {
    let world = World::new().await;
    let response = world
        .anonymous
        .lists_messages("")
        .await
        .fails(401, "token_missing", ());
    assert_eq!(response.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_scheme_other_than_bearer_returns_401() {
    let world = World::new().await;
    for value in ["Basic a2V2aW46a2V2aW4=", "token", ""] {
        let headers = [("authorization", value)];
        let response = world
            .kevin
            .requests(Method::GET, "/v1/messages", &headers, ())
            .await;
        assert_eq!(
            response
                .fails(401, "token_missing", ())
                .header("www-authenticate"),
            "Bearer"
        );
    }
}

#[tokio::test]
async fn malformed_and_unknown_tokens_return_the_same_401() {
    let world = World::new().await;
    let twice = format!("{0} {0}", world.kevin.token);
    for token in [
        "unknown",
        "",
        "a b",
        "ümlaut",
        "=",
        "a=b",
        "a,b",
        &twice,
        &"x".repeat(5000),
    ] {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        let response = world
            .kevin
            .requests(Method::GET, "/v1/messages", &headers, ())
            .await;
        let response = response.fails(401, "token_invalid", ());
        assert_eq!(
            response.header("www-authenticate"),
            r#"Bearer error="invalid_token""#
        );
    }
}

#[tokio::test]
async fn the_scheme_is_case_insensitive() {
    let world = World::new().await;
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let value = format!("{scheme} {}", world.kevin.token);
        let headers = [("authorization", value.as_str())];
        world
            .kevin
            .requests(Method::GET, "/v1/messages", &headers, ())
            .await
            .is(200);
    }
}

#[tokio::test]
async fn two_authorization_headers_return_401() {
    let world = World::new().await;
    let value = format!("Bearer {}", world.kevin.token);
    let headers = [
        ("authorization", value.as_str()),
        ("authorization", value.as_str()),
    ];
    world
        .kevin
        .requests(Method::GET, "/v1/messages", &headers, ())
        .await
        .fails(401, "token_invalid", ());
}

#[tokio::test]
async fn authentication_is_checked_before_parameters() {
    let world = World::new().await;
    let with_unknown_token = world.kevin.with_token("unknown");
    for person in [&world.anonymous, &with_unknown_token] {
        let code = if person.token == "unknown" {
            "token_invalid"
        } else {
            "token_missing"
        };
        person.lists_messages("limit=0").await.fails(401, code, ());
        person.gets_message("no-id").await.fails(401, code, ());
        person
            .posts("/v1/messages", "nonsense=1")
            .await
            .fails(401, code, ());
        person
            .posts("/v1/messages", ("text/plain", &b"x"[..]))
            .await
            .fails(401, code, ());
    }
}
