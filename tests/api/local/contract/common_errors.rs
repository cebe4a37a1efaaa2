//! The errors that all operations have in common.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use shared::key::Scope;
use shared::store::{Budget, Limits};

use crate::harness::contract::{Contract, Operation};
use crate::harness::{Fault, Json, Proxy, World};

/// Requests that are wrong in the same way for all operations.
pub async fn send_invalid_requests(world: &World, operation: &Operation) {
    let kevin = &world.kevin;
    assert_eq!(operation.call(&world.anonymous, ()).await, 401);
    assert_eq!(operation.call(&kevin.with_token("invalid"), ()).await, 401);
    let wrong = ["unknown=1", "a=1&a=2", "a=%FF", "a[=1"];
    if operation.bodies.is_empty() {
        assert_eq!(operation.call(kevin, "a=1").await, 400);
        for query in wrong {
            let target = format!("{}?{query}", operation.example_path());
            kevin
                .requests(operation.method.clone(), &target, &[], ())
                .await
                .is(400);
        }
    } else {
        for form in wrong {
            assert_eq!(operation.call(kevin, form).await, 400);
        }
        let target = format!("{}?a=1", operation.example_path());
        kevin
            .requests(operation.method.clone(), &target, &[], ())
            .await
            .is(400);
        operation.call(kevin, Json(json!({}))).await;
        let large = vec![b'a'; 256 * 1024 + 1];
        assert_eq!(
            operation
                .call(kevin, ("application/json", &large[..]))
                .await,
            413
        );
        assert_eq!(operation.call(kevin, ("text/plain", &b"a"[..])).await, 415);
    }
}

/// Calls each operation with server keys that may not, and with a token that is no server key.
pub async fn send_as_server(world: &World, contract: &Contract) {
    let none = world.new_server(&[]).await;
    let all = world.new_server(&Scope::ALL).await;
    let kevin = &world.kevin;
    for operation in contract.operations() {
        let body = || operation.example_bodies(contract).remove(0);
        for caller in [
            &none,
            &none.on_behalf_of(kevin.id),
            &all.on_behalf_of("external:nobody"),
            &kevin.on_behalf_of(kevin.id),
        ] {
            assert_eq!(operation.call_with_query(caller, body()).await, 403);
        }
        if !operation.is_for_contacts {
            assert_eq!(operation.call_with_query(kevin, body()).await, 403);
        }
    }
    let contacts = "/v1/contacts?external_id=marv";
    kevin.gets(contacts).await.is(403);
    let path = format!("/v1/contacts/{}", kevin.id);
    kevin.on_behalf_of(kevin.id).gets(&path).await.is(403);
    // Some are for contacts only without a parameter.
    all.gets("/v1/messages").await.is(403);
    let conversation = format!("/v1/conversations/{}", kevin.conversation);
    all.puts(&conversation, "is_muted=true").await.is(403);
    none.puts(&conversation, "closed=true").await.is(403);
}

/// Calls each operation after the budget is exceeded.
pub async fn exceed_budget(world: &World, contract: &Contract) {
    let budget = Budget {
        units: 1,
        window: Duration::from_hours(24),
    };
    let host = world.host().limits(Limits {
        budget,
        ..Limits::default()
    });
    let kevin = world.kevin.at(&host.start().await);
    for operation in contract.operations() {
        // Each function finds it out by itself.
        let mut refused = false;
        for _ in 0..20 {
            let body = operation.example_bodies(contract).remove(0);
            refused = operation.call(&kevin, body).await == 429;
            if refused {
                break;
            }
        }
        assert!(refused, "{}", operation.id);
    }
}

/// Calls each operation while DynamoDB throttles, and while it refuses.
pub async fn inject_faults(world: &World, contract: &Contract) {
    for (error, status) in [("ThrottlingException", 503), ("AccessDeniedException", 500)] {
        let proxy = Proxy::start(world.engine()).await;
        let kevin = world
            .kevin
            .at(&world.host().proxy(proxy.url()).start().await);
        for call in [
            "GetItem",
            "BatchGetItem",
            "Query",
            "UpdateItem",
            "TransactWriteItems",
        ] {
            proxy.inject(call, 10_000, Fault::Error(error));
        }
        let calls = contract.operations().iter().map(|operation| {
            let body = operation.example_bodies(contract).remove(0);
            operation.call(&kevin, body)
        });
        let statuses = join_all(calls).await;
        assert!(
            statuses.iter().all(|actual| *actual == status),
            "{statuses:?}"
        );
    }
}

pub async fn send_to_unknown_routes(world: &World) {
    world.kevin.gets("/v1/messages/").await.is(404);
    for (method, status) in [(Method::PATCH, 405), (Method::OPTIONS, 204)] {
        world
            .kevin
            .requests(method, "/v1/messages", &[], ())
            .await
            .is(status);
    }
}
