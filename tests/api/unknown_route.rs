//! Requests that match no route.

use reqwest::Method;

use crate::harness::World;

#[tokio::test]
async fn an_unknown_path_returns_404() {
    let world = World::new().await;
    for path in [
        "/",
        "/v1",
        "/v2/messages",
        "/v1/messages/a/b",
        "/favicon.ico",
    ] {
        world
            .kevin
            .gets(path)
            .await
            .fails(404, "route_not_found", ());
        world
            .anonymous
            .gets(path)
            .await
            .fails(404, "route_not_found", ());
    }
}

#[tokio::test]
async fn an_unsupported_method_returns_405_with_allow() {
    let world = World::new().await;
    for (method, path, allow) in [
        (Method::PUT, "/v1/messages", "GET, POST"),
        (Method::DELETE, "/v1/messages", "GET, POST"),
        (Method::PATCH, "/v1/messages/x", "GET, PUT, DELETE"),
        (Method::POST, "/v1/messages/x", "GET, PUT, DELETE"),
        (Method::PUT, "/v1/tokens", "GET, POST, DELETE"),
    ] {
        let response = world.kevin.requests(method, path, &[], ()).await;
        assert_eq!(
            response
                .fails(405, "method_not_allowed", ())
                .header("allow"),
            allow
        );
    }
}
