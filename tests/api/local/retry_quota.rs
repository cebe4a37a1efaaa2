//! The retry quota of the AWS SDK: who shares it, what exhausts it, and what refills it.
//!
//! The figures are those of docs/decisions/0014-retry-quota.md.

use futures_util::future::join_all;

use crate::harness::{Fault, Person, Proxy, Response, World};

/// The number of tokens in a full quota.
const QUOTA: usize = 500;

/// The number of tokens that a retry costs after a timeout, a broken connection or an error of DynamoDB.
const RETRY_COST: usize = 10;

/// The number of tokens that a retry costs after throttling.
const THROTTLING_RETRY_COST: usize = 5;

/// A host of its own, which starts with a full quota, Kevin as its client, and a message to read.
struct Host {
    proxy: Proxy,
    kevin: Person,
    message: String,
}

impl Host {
    async fn new(world: &World) -> Self {
        let proxy = Proxy::start(world.engine()).await;
        let url = world.host().proxy(proxy.url()).start().await;
        Self {
            proxy,
            kevin: world.kevin.at(&url),
            message: world.kevin.sends("hello").await,
        }
    }

    /// Reads the message, which begins with a `BatchGetItem`.
    async fn reads(&self) -> Response {
        self.kevin.gets_message(&self.message).await
    }

    /// Lets the first call of each request fail with `code`, of ten requests at once, until the host no longer
    /// retries any. Returns the number of retries.
    async fn exhausts_quota(&self, code: &'static str) -> usize {
        const AT_ONCE: usize = 10;
        self.proxy
            .inject("BatchGetItem", 10_000, Fault::Error(code));
        let mut retries = 0;
        loop {
            let before = self.proxy.calls();
            for response in join_all((0..AT_ONCE).map(|_| self.reads())).await {
                let response = response.fails(503, "unavailable", ());
                assert_eq!(response.header("retry-after"), "1");
            }
            match self.proxy.calls() - before - AT_ONCE {
                0 => break,
                more => retries += more,
            }
            assert!(retries <= QUOTA, "a retry costs at least one token");
        }
        self.proxy.clear();
        retries
    }
}

#[tokio::test]
async fn an_exhausted_quota_of_one_host_does_not_affect_other_hosts() {
    let world = World::active().await;
    let (host, other) = (Host::new(&world).await, Host::new(&world).await);
    host.exhausts_quota("InternalServerError").await;
    other
        .proxy
        .inject("BatchGetItem", 1, Fault::Error("InternalServerError"));
    other.reads().await.is(200);
    assert!(other.proxy.is_done());
}

#[tokio::test]
async fn fifty_retries_after_errors_exhaust_the_quota() {
    let world = World::active().await;
    let host = Host::new(&world).await;
    let retries = host.exhausts_quota("InternalServerError").await;
    assert_eq!(retries, QUOTA / RETRY_COST);
}

#[tokio::test]
async fn a_hundred_retries_after_throttling_exhaust_the_quota() {
    let world = World::active().await;
    let host = Host::new(&world).await;
    let retries = host.exhausts_quota("ThrottlingException").await;
    assert_eq!(retries, QUOTA / THROTTLING_RETRY_COST);
}

#[tokio::test]
async fn a_successful_retry_returns_its_tokens() {
    let world = World::active().await;
    let host = Host::new(&world).await;
    for _ in 0..=QUOTA / RETRY_COST {
        host.proxy
            .inject("BatchGetItem", 1, Fault::Error("InternalServerError"));
        host.reads().await.is(200);
        assert!(host.proxy.is_done());
    }
}

#[tokio::test]
async fn each_successful_call_refills_the_quota_by_one_token() {
    let world = World::active().await;
    let host = Host::new(&world).await;
    host.exhausts_quota("InternalServerError").await;
    let before = host.proxy.calls();
    while host.proxy.calls() - before < 5 * RETRY_COST {
        host.reads().await.is(200);
    }
    // The first of them returned the tokens of the last retry instead.
    let tokens = RETRY_COST + (host.proxy.calls() - before - 1);
    let retries = host.exhausts_quota("InternalServerError").await;
    assert_eq!(retries, tokens / RETRY_COST);
}

#[tokio::test]
async fn an_exhausted_quota_does_not_affect_first_attempts() {
    let world = World::active().await;
    let host = Host::new(&world).await;
    host.exhausts_quota("InternalServerError").await;
    host.kevin.sends("sent without a quota").await;
    assert_eq!(
        world.kate.lists_messages("").await.texts(),
        ["sent without a quota", "hello"]
    );
}
