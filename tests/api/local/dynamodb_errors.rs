//! Single errors, timeouts and lost responses of DynamoDB: temporary ones are retried, others return 503.

use crate::harness::{Fault, Person, Proxy, World};

/// Returns Kevin at a host whose DynamoDB calls go through a proxy.
async fn kevin_behind_proxy(world: &World) -> (Proxy, Person) {
    let proxy = Proxy::before(world.engine()).await;
    let host = world.host_behind(&proxy).await;
    (proxy, world.kevin.at(&host))
}

#[tokio::test]
async fn temporary_errors_are_retried() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("first").await;
    proxy.will("GetItem", 1, Fault::Refuses("ThrottlingException"));
    kevin.gets("/v1/me").await.is(200);
    proxy.will(
        "TransactWriteItems",
        3,
        Fault::Cancels("TransactionConflict"),
    );
    proxy.will("TransactWriteItems", 1, Fault::Cancels("ThrottlingError"));
    let second = kevin.sends("second").await;
    proxy.will("BatchGetItem", 3, Fault::Unprocessed);
    kevin.reads(&id).await.is(200);
    proxy.will(
        "UpdateItem",
        2,
        Fault::Refuses("TransactionConflictException"),
    );
    proxy.will(
        "Query",
        1,
        Fault::Refuses("ProvisionedThroughputExceededException"),
    );
    kevin.changes(&id, "message=edited").await.is(200);
    assert_eq!(kevin.lists("").await.is(200).texts(), ["second", "edited"]);
    proxy.will(
        "TransactWriteItems",
        2,
        Fault::Cancels("TransactionConflict"),
    );
    kevin.deletes(&second).await.is(204);
    assert!(proxy.is_done());
    assert_eq!(world.kate.lists("").await.texts(), ["edited"]);
}

#[tokio::test]
async fn persistent_errors_return_503_with_retry_after() {
    let world = World::new().await;
    let id = world.kevin.sends("first").await;
    for (operation, fault) in [
        ("GetItem", Fault::Refuses("ThrottlingException")),
        ("GetItem", Fault::Refuses("InternalServerError")),
        (
            "BatchGetItem",
            Fault::Refuses("ProvisionedThroughputExceededException"),
        ),
        ("BatchGetItem", Fault::Unprocessed),
        ("TransactWriteItems", Fault::Cancels("ThrottlingError")),
        ("TransactWriteItems", Fault::Cancels("TransactionConflict")),
        ("TransactWriteItems", Fault::Refuses("RequestLimitExceeded")),
        ("UpdateItem", Fault::Refuses("TransactionConflictException")),
    ] {
        let (proxy, kevin) = kevin_behind_proxy(&world).await;
        proxy.will(operation, 1000, fault);
        let response = match operation {
            "TransactWriteItems" => kevin.tries_to_send("never").await,
            "UpdateItem" => kevin.changes(&id, "message=never").await,
            "GetItem" => kevin.gets("/v1/me").await,
            _ => kevin.reads(&id).await,
        };
        let response = response.fails(503, "unavailable", ());
        assert_eq!(response.header("retry-after"), "1");
        assert_eq!(response.log_line()["level"], "ERROR");
    }
    assert_eq!(
        world.kevin.lists("").await.texts(),
        ["first"],
        "nothing was written"
    );
}

#[tokio::test]
async fn if_dynamodb_does_not_respond_the_api_returns_503_before_the_function_times_out() {
    let world = World::new().await;
    let id = world.kevin.sends("first").await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.will("BatchGetItem", 1000, Fault::NeverAnswers);
    let response = kevin.reads(&id).await.fails(503, "unavailable", ());
    assert!(response.log_line()["duration_ms"].as_f64().unwrap() < 10_000.0);
}

#[tokio::test]
async fn a_transaction_cancelled_for_an_unknown_reason_returns_500() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("stays").await;
    proxy.will("TransactWriteItems", 2, Fault::Cancels("ValidationError"));
    kevin.deletes(&id).await.fails(500, "internal", ());
    kevin
        .tries_to_send("not stored")
        .await
        .fails(500, "internal", ());
    assert_eq!(world.kevin.lists("").await.texts(), ["stays"]);
}

#[tokio::test]
async fn a_send_whose_response_from_dynamodb_is_lost_is_stored_once() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.will("TransactWriteItems", 1, Fault::NeverAnswers);
    kevin.sends("once").await;
    assert_eq!(world.kate.lists("").await.texts(), ["once"]);
    assert_eq!(world.kate.lists_all("").await.texts(), ["once"]);
}

#[tokio::test]
async fn a_conditional_edit_whose_response_from_dynamodb_is_lost_succeeds() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    let id = kevin.sends("first").await;
    let tag = kevin.reads(&id).await.header("etag").to_owned();
    proxy.will("UpdateItem", 1, Fault::NeverAnswers);
    let edited = kevin.changes_if(&id, &tag, "message=edited").await.is(200);
    assert!(proxy.is_done());
    assert_eq!(edited.json()["message"], "edited");
    assert_eq!(world.kate.reads(&id).await.json(), edited.json());
}

#[tokio::test]
async fn a_send_is_acknowledged_even_if_the_participants_lists_cannot_be_updated() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    let proxy = Proxy::before(world.engine()).await;
    let sender = crowd[0].at(&world.host_behind(&proxy).await);
    sender.lists("").await.is(200);
    proxy.will("UpdateItem", 1000, Fault::NeverAnswers);
    sender.sends("hello").await;
    assert_eq!(crowd[1].lists_all("").await.texts(), ["hello"]);
}

#[tokio::test]
async fn a_late_list_update_of_a_send_does_not_unarchive_a_conversation_archived_after_it() {
    let world = World::awake().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    kevin.sends("first").await;
    proxy.will("UpdateItem", 3, Fault::Delays(1500));
    let archive = async {
        while world.kate.lists("").await.texts() != ["late", "first"] {}
        world.linnie.sends("last").await;
        world.kate.sets("archived=true").await.is(200).json()
    };
    let (_, archived) = futures_util::future::join(kevin.sends("late"), archive).await;
    assert!(proxy.is_done());
    let seen = world.kate.opens().await.is(200).json();
    assert_eq!(seen["archived_at"], archived["archived_at"]);
    assert_eq!(
        world.kate.conversations("archived=true").await.ids().len(),
        1
    );
}

#[tokio::test]
async fn a_send_that_timed_out_is_replayed_when_repeated_with_its_idempotency_key() {
    let world = World::new().await;
    let (proxy, kevin) = kevin_behind_proxy(&world).await;
    proxy.will("TransactWriteItems", 10, Fault::NeverAnswers);
    kevin
        .sends_under("key", "once")
        .await
        .fails(503, "unavailable", ());
    let (_, kevin) = kevin_behind_proxy(&world).await;
    let again = kevin.sends_under("key", "once").await.is(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(world.kate.lists("").await.texts(), ["once"]);
    assert_eq!(world.kate.lists_all("").await.texts(), ["once"]);
}

#[tokio::test]
async fn a_failed_send_does_not_change_the_conversation() {
    let world = World::awake().await;
    world.kevin.sends("news").await;
    world.kate.sets("archived=true").await.is(200);
    let proxy = Proxy::before(world.engine()).await;
    let kate = world.kate.at(&world.host_behind(&proxy).await);
    let before = world.kate.opens().await.json();
    assert_eq!(before["unread_count"], 1);
    proxy.will(
        "TransactWriteItems",
        1,
        Fault::Refuses("AccessDeniedException"),
    );
    kate.tries_to_send("not stored").await.is(500);
    assert_eq!(world.kate.opens().await.json(), before);
}
