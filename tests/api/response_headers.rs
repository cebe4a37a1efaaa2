//! Headers of every response.

use reqwest::Method;

use crate::harness::World;

#[tokio::test]
async fn every_response_forbids_caching_and_content_sniffing() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    for response in [
        world.kevin.tries_to_send("hello").await.is(201),
        world.kevin.gets_message(&id).await.is(200),
        world.kevin.lists_messages("").await.is(200),
        world.kevin.gets("/v1/me").await.is(200),
        world.kevin.deletes_message(&id).await.is(204),
        world.kevin.gets_message(&id).await.is(404),
        world.kevin.lists_messages("limit=0").await.is(400),
        world.anonymous.lists_messages("").await.is(401),
        world.kevin.gets("/nowhere").await.is(404),
        world
            .kevin
            .requests(Method::PATCH, "/v1/messages", &[], ())
            .await
            .is(405),
    ] {
        assert_eq!(response.header("cache-control"), "no-store", "{response:?}");
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{response:?}"
        );
    }
}

#[tokio::test]
async fn no_header_repeats_input_of_the_client() {
    let world = World::new().await;
    let needle = "needle";
    for response in [
        world
            .kevin
            .lists_messages(&format!("limit=1&{needle}={needle}"))
            .await,
        world.kevin.lists_messages(&format!("limit={needle}")).await,
        world.kevin.gets(&format!("/{needle}")).await,
        world.kevin.sends_with_key(needle, needle).await,
        world.kevin.with_token(needle).lists_messages("").await,
        world
            .kevin
            .requests(Method::GET, "/v1/me", &[("x-request-id", needle)], ())
            .await,
    ] {
        for (name, value) in &response.headers {
            assert!(
                !value.to_str().unwrap().contains(needle),
                "{name}: {response:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_link_header_encodes_the_query() {
    let world = World::new().await;
    for text in ["1", "2"] {
        world.kevin.sends(text).await;
    }
    let conversation = world.conversation;
    let query = format!("limit=1&created_at%5bgte%5d=0&conversation%5Fid={conversation}");
    let page = world.kevin.gets(&format!("/v1/messages?{query}")).await;
    let query = format!("limit=1&created_at%5Bgte%5D=0&conversation_id={conversation}");
    let cursor = &page.ids()[0];
    assert_eq!(
        page.header("link"),
        format!("</v1/messages?{query}&starting_after={cursor}>; rel=\"next\"")
    );
}

#[tokio::test]
async fn every_response_has_a_unique_request_id() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    let responses = [
        world.kevin.gets_message(&id).await,
        world.kevin.gets_message(&id).await,
        world.kevin.lists_messages("limit=0").await,
        world.anonymous.gets("/").await,
        world.kevin.deletes_message(&id).await,
    ];
    let ids: std::collections::BTreeSet<_> = responses
        .iter()
        .map(|response| response.header("x-request-id"))
        .collect();
    assert_eq!(ids.len(), responses.len());
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
}
