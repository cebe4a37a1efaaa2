//! `DELETE /v1/tokens`

use reqwest::Method;
use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn all_tokens_but_the_callers_are_revoked() {
    let world = World::new().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let (_, token) = world.kevin.creates_token("").await;
        others.push(token.creates_token("").await.1);
        others.push(token);
    }
    let before = world.kate.creates_token("").await.1;
    world.kevin.revokes_other_tokens().await.is(204);
    for token in &others {
        token.gets("/v1/me").await.fails(401, "token_invalid", ());
    }
    let left = world.kevin.gets("/v1/tokens").await.is(200).ids();
    assert_eq!(left.len(), 1);
    before.gets("/v1/me").await.is(200);
    world.kevin.revokes_other_tokens().await.is(204);
    world.kevin.creates_token("").await;
}

#[tokio::test]
async fn a_token_outlives_the_one_that_issued_it_if_it_is_the_callers() {
    let world = World::new().await;
    let (_, parent) = world.kevin.creates_token("").await;
    let (id, own) = parent.creates_token("label=own&expires_in=3600").await;
    let (_, child) = own.creates_token("").await;
    own.revokes_other_tokens().await.is(204);
    for token in [&world.kevin, &parent, &child] {
        token.gets("/v1/me").await.fails(401, "token_invalid", ());
    }
    let list = own.gets("/v1/tokens").await.is(200);
    assert_eq!(list.ids(), [id]);
    let token = list.json()["data"][0].clone();
    assert_eq!(
        (&token["label"], &token["issued_with"]),
        (&json!("own"), &json!(null))
    );
    assert!(token["expires_at"].is_u64(), "{token}");
    let too_long = own.posts("/v1/tokens", "expires_in=7200").await;
    too_long.fails(400, "parameter_invalid", "expires_in");
    own.creates_token("").await;
}

#[tokio::test]
async fn a_parameter_returns_400_and_revokes_nothing() {
    let world = World::new().await;
    let (_, other) = world.kevin.creates_token("").await;
    for (query, body) in [("?id=1", ""), ("", "id=1")] {
        let path = format!("/v1/tokens{query}");
        let response = world.kevin.requests(Method::DELETE, &path, &[], body);
        response.await.is(400);
    }
    other.gets("/v1/me").await.is(200);
}
