//! The edge: what arrives from API Gateway becomes a store call, and what comes of it an answer.
//!
//! The functions have nothing of their own here: each hands its `handle` to [`serve`], and the
//! local stack hands the same `handle` to [`answer`].

mod bearer;
mod etag;
mod event;
mod form;
mod params;
mod request;
mod response;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use lambda_http::{Adapter, RequestExt, Service, lambda_runtime, service_fn};

pub use etag::IfNoneMatch;
pub use event::fit;
pub use request::Request;
pub use response::Response;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::log::{self, Meter};
use crate::store::Store;

/// When a request is given up: before Lambda ends the function (10 s, in `template.yaml`) and the
/// client gets an answer that tells nothing.
const DEADLINE: Duration = Duration::from_secs(8);

/// Runs `handle` as the Lambda function `operation`, connected to the store, until Lambda ends it.
///
/// # Errors
///
/// Where the environment lacks what [`Store::from_env`] needs, and where the Lambda runtime fails.
pub async fn serve<H, F>(operation: &'static str, handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    log::init();
    let (store, pool) = Store::from_env()?;
    pool.connect().await;
    run(operation, store, handle).await
}

/// The same for a function that asks nothing of the store.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_unconnected<H, F>(
    operation: &'static str,
    handle: H,
) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    log::init();
    let (store, _) = Store::from_env()?;
    run(operation, store, handle).await
}

async fn run<H, F>(
    operation: &'static str,
    store: Store,
    handle: H,
) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    let mut adapter = Adapter::from(service_fn(move |event| {
        let store = store.clone();
        async move { Ok::<_, Infallible>(answer(operation, store, event, handle).await) }
    }));
    // In a box: futures with the SDK's in them are large, and this one is handed on many times.
    lambda_runtime::run(service_fn(move |event| adapter.call(fit(event)).boxed())).await
}

/// Answers one event with `handle`, and writes its log line; whatever happens, there is an answer.
pub async fn answer<H, F>(
    operation: &'static str,
    store: Store,
    event: lambda_http::Request,
    handle: H,
) -> lambda_http::Response<lambda_http::Body>
where
    H: Fn(Store, Request) -> F,
    F: Future<Output = Result<Response>>,
{
    static WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = !WARM.swap(true, Ordering::Relaxed);
    let request_id = event
        .lambda_context_ref()
        .map_or_else(String::new, |context| context.request_id.clone());
    let request = Request::new(event);
    let caller = request.caller().ok().cloned();
    let meter = Meter::start();

    let work = async {
        let outcome = AssertUnwindSafe(Box::pin(handle(store.clone(), request)))
            .catch_unwind()
            .await;
        match outcome.unwrap_or_else(|_| Err(Error::internal("the function panicked"))) {
            // Whoever is not known is told that first, not what else is wrong with the request.
            Err(
                error @ (Error::Invalid(_)
                | Error::MessageNotFound
                | Error::ConversationNotFound { .. }
                | Error::ContactNotFound { .. }
                | Error::TokenNotFound),
            ) if let Some(caller) = &caller => store.authenticate(caller).await.and(Err(error)),
            outcome => outcome,
        }
    };
    let work = meter.measure(beside_activity(&store, caller.as_ref(), work));
    let outcome = tokio::time::timeout(DEADLINE, work).await;
    let outcome = outcome.unwrap_or_else(|late| Err(Error::Unavailable(late.into())));

    let error = outcome.as_ref().err().map(response::describe);
    let response = match outcome {
        Ok(response) => response,
        Err(error) => Response::error(&error, &request_id),
    };
    log::Line {
        request_id: &request_id,
        operation,
        status: response.status(),
        contact: caller.and_then(|caller| caller.contact()),
        cold_start,
        error,
    }
    .write(&meter);
    response.with_request_id(&request_id)
}

/// Does the work of a request, and beside it, once it is known who calls, writes down that they are active.
async fn beside_activity<T>(
    store: &Store,
    caller: Option<&Caller>,
    work: impl Future<Output = T>,
) -> T {
    let Some(caller) = caller else {
        return work.await;
    };
    let activity = async { store.is_active(caller.authenticated().await).await };
    match select(pin!(work), pin!(activity)).await {
        Either::Right(((), work)) => work.await,
        Either::Left((outcome, activity)) => {
            if caller.contact().is_some() {
                activity.await;
            }
            outcome
        }
    }
}
