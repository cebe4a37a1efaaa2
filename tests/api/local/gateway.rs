//! Behavior of the local gateway, which must match API Gateway.

use reqwest::Method;

use crate::harness::World;

#[tokio::test]
async fn a_path_with_an_additional_slash_returns_404() {
    let world = World::new().await;
    for path in ["/v1/messages/", "/v1//messages", "//v1/messages"] {
        world
            .kevin
            .gets(path)
            .await
            .fails(404, "route_not_found", ());
    }
}

#[tokio::test]
async fn options_returns_the_allowed_methods_or_404_for_unknown_paths() {
    let world = World::new().await;
    for (path, allow) in [
        ("/v1/messages", "GET, POST"),
        ("/v1/messages/x", "GET, PUT, DELETE"),
    ] {
        let response = world
            .anonymous
            .requests(Method::OPTIONS, path, &[], ())
            .await;
        assert_eq!(response.is(204).header("allow"), allow);
    }
    let unknown = world
        .anonymous
        .requests(Method::OPTIONS, "/unknown", &[], ())
        .await;
    unknown.fails(404, "route_not_found", ());
}

#[tokio::test]
async fn forwarding_headers_from_the_client_are_ignored() {
    let world = World::new().await;
    for header in [
        "x-forwarded-proto",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-amzn-trace-id",
    ] {
        for value in [",", "[", "\\", "javascript:", ""] {
            let headers = [(header, value)];
            world
                .kevin
                .requests(Method::GET, "/v1/messages", &headers, ())
                .await
                .is(200);
        }
    }
}

#[tokio::test]
async fn an_invalid_host_header_returns_400() {
    let world = World::new().await;
    for host in ["[", "a b", "a/b"] {
        let headers = [("host", host)];
        let response = world
            .kevin
            .requests(Method::GET, "/v1/messages", &headers, ())
            .await;
        assert_eq!(response.is(400).json()["message"], "Bad Request");
    }
}

#[tokio::test]
async fn a_request_larger_than_a_lambda_event_returns_413() {
    let world = World::new().await;
    let large = vec![b'a'; 5 * 1024 * 1024];
    let body = ("application/x-www-form-urlencoded", &large[..]);
    let response = world.kevin.posts("/v1/messages", body).await;
    assert_eq!(
        response.is(413).json()["message"],
        "Request Entity Too Large"
    );
}
