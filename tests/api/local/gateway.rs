//! What the gateway does before any function, as API Gateway does it.

use reqwest::Method;

use crate::harness::World;

#[tokio::test]
async fn slashes_count() {
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
async fn options_tells_the_methods_and_any_preflight_finds_an_answer() {
    let world = World::new().await;
    for (path, allow) in [
        ("/v1/messages", "GET, POST"),
        ("/v1/messages/x", "GET, PUT, DELETE"),
    ] {
        let response = world.nobody.requests(Method::OPTIONS, path, &[], ()).await;
        assert_eq!(response.is(204).header("allow"), allow);
    }
    let elsewhere = world
        .nobody
        .requests(Method::OPTIONS, "/elsewhere", &[], ())
        .await;
    elsewhere.fails(404, "route_not_found", ());
}

#[tokio::test]
async fn a_client_cannot_say_what_the_gateway_says_of_it() {
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
async fn a_host_that_is_none_is_refused() {
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
async fn what_lambda_cannot_take_is_refused_by_the_gateway() {
    let world = World::new().await;
    let large = vec![b'a'; 5 * 1024 * 1024];
    let body = ("application/x-www-form-urlencoded", &large[..]);
    let response = world.kevin.posts("/v1/messages", body).await;
    assert_eq!(
        response.is(413).json()["message"],
        "Request Entity Too Large"
    );
}
