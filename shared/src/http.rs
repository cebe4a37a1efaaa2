//! The HTTP edge: translates API Gateway events into store calls, and results into responses.
//!
//! Each function passes its `handle` to [`serve`]; the local stack passes the same `handle` to [`respond`].

mod activity;
mod bearer;
mod cursor;
mod etag;
mod event;
mod form;
mod params;
mod request;
mod response;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use lambda_http::{Adapter, RequestExt, Service, lambda_runtime, service_fn};

pub use cursor::{cursor, cursor_param};
pub use etag::IfNoneMatch;
pub use event::sanitize_event;
pub use request::{PathId, Request};
pub use response::Response;

use crate::audit;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::log::{self, Meter};
use crate::origin;
use crate::store::{Files, Store};

/// Runs `handle` as the Lambda function `operation` until Lambda ends it. Connects to DynamoDB first.
///
/// # Errors
///
/// The environment lacks a variable that [`Store::from_env`] needs, or the Lambda runtime fails.
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

/// The same for a function that uses the bucket.
///
/// # Errors
///
/// As [`serve`], and if the environment lacks a variable that [`Files::from_env`] needs.
pub async fn serve_with_files<H, F>(
    operation: &'static str,
    handle: H,
) -> Result<(), lambda_http::Error>
where
    H: Fn(Store, Request) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    log::init();
    let (store, pool) = Store::from_env()?;
    let store = store.with_files(Files::from_env()?);
    pool.connect().await;
    run(operation, store, handle).await
}

/// The same for a function that seldom needs the store: does not connect first.
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
        async move { Ok::<_, Infallible>(respond(operation, store, event, handle).await) }
    }));
    // Boxed, because the runtime moves the future many times and the SDK's futures are large.
    let service = service_fn(move |event| adapter.call(sanitize_event(event)).boxed());
    lambda_runtime::run(service).await
}

/// Runs `handle` for one event and writes its log line. Always returns a response, even if the handler
/// panics or exceeds the request timeout.
pub async fn respond<H, F>(
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
    let conversation_param = request.conversation_param();
    let caller = request.caller().ok().cloned();
    let origin = request.origin();
    let audited = request.audited(operation, &request_id);
    let meter = Meter::start();

    let work = async {
        // Boxed, because futures that call the SDK are too large to be moved through the stack.
        let handled = Box::pin(handle(store.clone(), request));
        match &caller {
            Some(caller) => {
                let handled = authenticate_first(&store, caller, handled);
                activity::record_activity(&store, caller, catch_panic(handled)).await
            }
            None => catch_panic(handled).await,
        }
    };
    let work = Box::pin(audit::scope(audited, origin::scope(origin, work)));
    let work = meter.measure(work);
    let outcome = tokio::time::timeout(store.request_timeout(), work).await;
    let outcome = outcome.unwrap_or_else(|timeout| Err(Error::Unavailable(timeout.into())));
    let identity = caller.and_then(|caller| caller.identity());
    let is_over_budget = matches!(outcome, Err(Error::BudgetExceeded { .. }));
    if let Some(identity) = identity.filter(|_| !is_over_budget) {
        store.record_units(identity, &meter).await;
    }

    let error = outcome.as_ref().err().map(response::describe);
    let response = match outcome {
        Ok(response) => response,
        Err(error) => Response::error(&error, conversation_param, &request_id),
    };
    log::Line {
        request_id: &request_id,
        operation,
        status: response.status(),
        contact: identity.and_then(|identity| identity.contact()),
        key: identity.and_then(|identity| identity.key()),
        cold_start,
        error,
    }
    .write(&meter);
    response.with_request_id(&request_id)
}

/// A caller without a valid token gets 401, whatever else is wrong with the request.
async fn authenticate_first(
    store: &Store,
    caller: &Caller,
    handled: impl Future<Output = Result<Response>>,
) -> Result<Response> {
    match handled.await {
        Err(error) if error.requires_authentication() => {
            store.identify(caller).await.and(Err(error))
        }
        outcome => outcome,
    }
}

async fn catch_panic(work: impl Future<Output = Result<Response>>) -> Result<Response> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(Error::internal("the handler panicked")))
}
