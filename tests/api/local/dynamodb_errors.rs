//! Single errors, timeouts and lost responses of DynamoDB: temporary ones are retried, others return 503.

use crate::harness::{Fault, Person, Proxy, World};

/// Returns Kevin at a host whose DynamoDB calls go through a proxy.
async fn kevin_behind_proxy(world: &World) -> (Proxy, Person) {
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    (proxy, world.kevin.at(&host))
}

#[tokio::test]
async fn temporary_errors_are_retried() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("first").await;
    proxy.inject("GetItem", 1, Fault::Error("ThrottlingException"));
    kevin.gets("/v1/me").await.is(200);
    proxy.inject(
        "TransactWriteItems",
        3,
        Fault::CancelTransaction("TransactionConflict"),
    );
    proxy.inject(
        "TransactWriteItems",
        1,
        Fault::CancelTransaction("ThrottlingError"),
    );
    let second = kevin.sends("second").await;
    proxy.inject("BatchGetItem", 2, Fault::Error("InternalFailure"));
    kevin.gets_message(&id).await.is(200);
    proxy.inject("BatchGetItem", 3, Fault::Unprocessed);
    kevin.gets_message(&id).await.is(200);
    proxy.inject(
        "UpdateItem",
        2,
        Fault::Error("TransactionConflictException"),
    );
    proxy.inject(
        "Query",
        1,
        Fault::Error("ProvisionedThroughputExceededException"),
    );
    kevin.updates_message(&id, "message=edited").await.is(200);
    assert_eq!(
        kevin.lists_messages("").await.is(200).texts(),
        ["second", "edited"]
    );
    proxy.inject(
        "TransactWriteItems",
        2,
        Fault::CancelTransaction("TransactionConflict"),
    );
    kevin.deletes_message(&second).await.is(204);
    assert!(proxy.is_done());
    assert_eq!(world.kate.lists_messages("").await.texts(), ["edited"]);
}

#[tokio::test]
async fn persistent_errors_return_503_with_retry_after() {
    let world = World::new().await;
    let id = world.kevin.sends("first").await;
    for (operation, fault) in [
        ("GetItem", Fault::Error("ThrottlingException")),
        ("GetItem", Fault::Error("InternalServerError")),
        ("GetItem", Fault::Error("InternalFailure")),
        ("TransactWriteItems", Fault::Error("InternalFailure")),
        (
            "BatchGetItem",
            Fault::Error("ProvisionedThroughputExceededException"),
        ),
        ("BatchGetItem", Fault::Unprocessed),
        (
            "TransactWriteItems",
            Fault::CancelTransaction("ThrottlingError"),
        ),
        (
            "TransactWriteItems",
            Fault::CancelTransaction("TransactionConflict"),
        ),
        ("TransactWriteItems", Fault::Error("RequestLimitExceeded")),
        ("UpdateItem", Fault::Error("TransactionConflictException")),
    ] {
        let (proxy, kevin) = kevin_behind_proxy(&world).await;
        proxy.inject(operation, 1000, fault);
        let response = match operation {
            "TransactWriteItems" => kevin.tries_to_send("never").await,
            "UpdateItem" => kevin.updates_message(&id, "message=never").await,
            "GetItem" => kevin.gets("/v1/me").await,
            _ => kevin.gets_message(&id).await,
        };
        let response = response.fails(503, "unavailable", ());
        assert_eq!(response.header("retry-after"), "1");
        assert_eq!(response.log_line()["level"], "ERROR");
    }
    assert_eq!(
        world.kevin.lists_messages("").await.texts(),
        ["first"],
        "nothing was written"
    );
}

#[tokio::test]
async fn if_dynamodb_does_not_respond_the_api_returns_503_before_the_function_times_out() {
    let world = World::new().await;
    let id = world.kevin.sends("first").await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.inject("BatchGetItem", 1000, Fault::NoResponse);
    let response = kevin.gets_message(&id).await.fails(503, "unavailable", ());
    assert!(response.log_line()["duration_ms"].as_f64().unwrap() < 10_000.0);
}

#[tokio::test]
async fn a_transaction_canceled_for_an_unknown_reason_returns_500() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("stays").await;
    proxy.inject(
        "TransactWriteItems",
        2,
        Fault::CancelTransaction("ValidationError"),
    );
    kevin.deletes_message(&id).await.fails(500, "internal", ());
    kevin
        .tries_to_send("not stored")
        .await
        .fails(500, "internal", ());
    assert_eq!(world.kevin.lists_messages("").await.texts(), ["stays"]);
}

#[tokio::test]
async fn a_send_whose_response_from_dynamodb_is_lost_is_stored_once() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.inject("TransactWriteItems", 1, Fault::NoResponse);
    kevin.sends("once").await;
    assert_eq!(world.kate.lists_messages("").await.texts(), ["once"]);
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["once"]);
}

#[tokio::test]
async fn a_conditional_edit_whose_response_from_dynamodb_is_lost_succeeds() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("first").await;
    let tag = kevin.gets_message(&id).await.header("etag").to_owned();
    proxy.inject("UpdateItem", 1, Fault::NoResponse);
    let edited = kevin
        .updates_message_if_match(&id, &tag, "message=edited")
        .await
        .is(200);
    assert!(proxy.is_done());
    assert_eq!(edited.json()["message"], "edited");
    assert_eq!(world.kate.gets_message(&id).await.json(), edited.json());
}

#[tokio::test]
async fn a_send_is_acknowledged_even_if_the_participants_lists_cannot_be_updated() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    let proxy = Proxy::start(world.engine()).await;
    let sender = crowd[0].at(&world.host().proxy(proxy.url()).start().await);
    sender.lists_messages("").await.is(200);
    proxy.inject("UpdateItem", 1000, Fault::NoResponse);
    sender.sends("hello").await;
    assert_eq!(crowd[1].lists_inbox("").await.texts(), ["hello"]);
}

#[tokio::test]
async fn a_late_list_update_of_a_send_does_not_unarchive_a_conversation_archived_after_it() {
    let world = World::active().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    kevin.sends("first").await;
    proxy.inject("UpdateItem", 3, Fault::Delay(1500));
    let archive = async {
        while world.kate.lists_messages("").await.texts() != ["late", "first"] {}
        world.linnie.sends("last").await;
        world
            .kate
            .updates_conversation("archived=true")
            .await
            .is(200)
            .json()
    };
    let (_, archived) = futures_util::future::join(kevin.sends("late"), archive).await;
    assert!(proxy.is_done());
    let seen = world.kate.gets_conversation().await.is(200).json();
    assert_eq!(seen["archived_at"], archived["archived_at"]);
    assert_eq!(
        world
            .kate
            .lists_conversations("archived=true")
            .await
            .ids()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_send_that_timed_out_is_replayed_when_repeated_with_its_idempotency_key() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.inject("TransactWriteItems", 10, Fault::NoResponse);
    kevin
        .sends_with_key("key", "once")
        .await
        .fails(503, "unavailable", ());
    let (_, kevin) = kevin_behind_proxy(&world).await;
    let again = kevin.sends_with_key("key", "once").await.is(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(world.kate.lists_messages("").await.texts(), ["once"]);
    assert_eq!(world.kate.lists_inbox("").await.texts(), ["once"]);
}

#[tokio::test]
async fn a_failed_send_does_not_change_the_conversation() {
    let world = World::active().await;
    world.kevin.sends("news").await;
    world
        .kate
        .updates_conversation("archived=true")
        .await
        .is(200);
    let proxy = Proxy::start(world.engine()).await;
    let kate = world
        .kate
        .at(&world.host().proxy(proxy.url()).start().await);
    let before = world.kate.gets_conversation().await.json();
    assert_eq!(before["unread_count"], 1);
    proxy.inject(
        "TransactWriteItems",
        1,
        Fault::Error("AccessDeniedException"),
    );
    kate.tries_to_send("not stored").await.is(500);
    assert_eq!(world.kate.gets_conversation().await.json(), before);
}
