//! The complete local stack: engine, bucket, store and gateway.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::future::join3;
use shared::Store;
use shared::store::{Files, Tables, Webhooks};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_http::cors::CorsLayer;

use crate::Error;
use crate::bucket::Bucket;
use crate::cors;
use crate::engine::{Engine, config_at, credentials};
use crate::functions;
use crate::gateway::Gateway;
use crate::sockets::Sockets;
use crate::template::Template;

/// How often the streams of tables are read.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often webhooks are delivered that are due.
const SCHEDULE: Duration = Duration::from_mins(1);

/// How often expired items are deleted.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// A running local stack with the tables and functions of `template.yaml`.
pub struct Stack {
    template: Template,
    /// The embedded DynamoDB engine.
    pub engine: Engine,
    /// The files of attachments.
    pub bucket: Bucket,
    /// The WebSocket API.
    pub sockets: Sockets,
    /// A store that uses the engine and the bucket, with the limits of the template.
    pub store: Store,
}

impl Stack {
    /// Starts the engine with its data in the file `data`, and the bucket with its files in a folder beside it; both
    /// in memory, or in a temporary folder, if there is none.
    pub async fn start(data: Option<&Path>) -> Result<Self, Error> {
        let listeners = Listeners {
            files: listen("127.0.0.1", 0).await?,
            sockets: listen("127.0.0.1", 0).await?,
        };
        Self::start_at(listeners, data, Vec::new()).await
    }

    /// Starts the stack with its bucket and its sockets on these listeners, for browsers whose pages are of these
    /// origins.
    pub async fn start_at(
        listeners: Listeners,
        data: Option<&Path>,
        origins: Vec<String>,
    ) -> Result<Self, Error> {
        let template = Template::embedded()?;
        let engine = Engine::start(&template, data).await?;
        let folder = data.map(|file| {
            let mut name = file.as_os_str().to_owned();
            name.push(".files");
            PathBuf::from(name)
        });
        let cors = cors::of_bucket(origins);
        let bucket = Bucket::start(listeners.files, folder.as_deref(), cors)?;
        let sockets = Sockets::start(listeners.sockets)?;
        let store = store(&template, &engine.url(), &bucket.url(), &sockets)?;
        Ok(Self {
            template,
            engine,
            bucket,
            sockets,
            store,
        })
    }

    /// Returns a store that reaches the engine at this URL, as the functions of another host do.
    ///
    /// # Errors
    ///
    /// If the URL is invalid.
    pub fn store_at(&self, url: &str) -> Result<Store, Error> {
        store(&self.template, url, &self.bucket.url(), &self.sockets)
    }

    /// Returns the HTTP API as a router for `axum::serve`. Its functions use `store`, and so do those of the WebSocket
    /// API from now on.
    ///
    /// # Errors
    ///
    /// If the functions of the template and the handlers do not match.
    pub fn api(&self, store: &Store) -> Result<Router, Error> {
        let gateway = Arc::new(self.gateway(store)?);
        self.sockets.route_to(Arc::clone(&gateway));
        Ok(router(gateway))
    }

    /// Returns what answers browsers whose pages are of another origin: of this machine, or one of `origins`.
    ///
    /// # Errors
    ///
    /// If the template names an invalid method or header.
    pub fn cors(&self, origins: Vec<String>) -> Result<CorsLayer, Error> {
        self.template.cors.layer(origins)
    }

    /// Returns a gateway whose functions use `store`.
    ///
    /// # Errors
    ///
    /// If the functions of the template and the handlers do not match.
    pub fn gateway(&self, store: &Store) -> Result<Gateway, Error> {
        Gateway::new(&self.template, functions::all(), store)
    }

    /// Invokes the functions with all changes of tables, those of items that have expired included, until there are
    /// none.
    ///
    /// # Errors
    ///
    /// If a function fails. The next call repeats its changes.
    pub async fn handle_changes(&self, gateway: &Gateway) -> Result<(), Error> {
        self.engine.database().sweep_ttl()?;
        gateway.handle_changes(&self.engine).await
    }

    /// Invokes the functions with the changes of tables as they are made, deletes what has expired, and delivers webhooks,
    /// until this future is dropped.
    pub async fn keep_handling_changes(&self, gateway: &Gateway) {
        // A receiver that is slow delays webhooks only.
        join3(
            self.keep_publishing(gateway),
            self.keep_delivering(gateway),
            keep_schedule(gateway),
        )
        .await;
    }

    async fn keep_delivering(&self, gateway: &Gateway) {
        loop {
            if let Err(error) = gateway.deliver_new(&self.engine).await {
                eprintln!("error: {error}");
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn keep_publishing(&self, gateway: &Gateway) {
        let (mut last_sweep, mut failing) = (None::<Instant>, false);
        loop {
            let is_sweep_due = last_sweep.is_none_or(|last| last.elapsed() > SWEEP_INTERVAL);
            let handled = if is_sweep_due {
                last_sweep = Some(Instant::now());
                self.handle_changes(gateway).await
            } else {
                gateway.handle_changes(&self.engine).await
            };
            if let (Err(error), false) = (&handled, failing) {
                eprintln!("error: {error}");
            }
            failing = handled.is_err();
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the environment variables that the template sets for all functions, except `DYNAMODB_ENDPOINT`.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.template
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Invokes the function that delivers webhooks as its schedule does.
async fn keep_schedule(gateway: &Gateway) {
    loop {
        sleep(SCHEDULE).await;
        if let Err(error) = gateway.deliver_due().await {
            eprintln!("error: {error}");
        }
    }
}

/// The listeners of what is not the API itself.
pub struct Listeners {
    /// Of the bucket.
    pub files: TcpListener,
    /// Of the WebSocket API.
    pub sockets: TcpListener,
}

fn store(
    template: &Template,
    url: &str,
    files_url: &str,
    sockets: &Sockets,
) -> Result<Store, Error> {
    let tables = Tables::from_vars(|name| template.variables.get(name).cloned())?;
    // A variable of this process overrides the default of the template, for `cargo dev`.
    let variable = |name: &str| {
        let of_function = || Some(template.function_variable(name)?.default.clone());
        let default = || template.variables.get(name).cloned().or_else(of_function);
        env::var(name).ok().or_else(default)
    };
    let sockets = config_at(&sockets.management_url())?;
    let store = Store::new(&config_at(url)?, tables)
        .with_vars(variable)?
        .with_files(Files::new(files_url, "local", credentials()))
        .with_sockets(shared::store::Sockets::new(&sockets));
    // Unlike the template, which leaves that to the operator, and never posts to this host.
    let has_webhooks = env::var("WEBHOOKS").as_deref() != Ok("false");
    Ok(if has_webhooks {
        store.with_webhooks(Webhooks::PublicAndLocal)
    } else {
        store
    })
}

/// Returns a router that passes every request to `gateway`.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(handle).with_state(gateway)
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    gateway.handle(request).await
}

/// Binds a TCP listener. Port 0 means any free port.
///
/// # Errors
///
/// If the address is invalid or in use; the message contains the address.
pub async fn listen(host: &str, port: u16) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind((host, port)).await;
    listener.map_err(|error| format!("cannot listen on {host}:{port}: {error}").into())
}
