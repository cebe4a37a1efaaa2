//! The complete local stack: engine, store and gateway.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use shared::Store;
use shared::store::Tables;
use tokio::net::TcpListener;

use crate::Error;
use crate::engine::{Engine, config_at};
use crate::functions;
use crate::gateway::Gateway;
use crate::template::Template;

/// A running local stack with the tables and functions of `template.yaml`.
pub struct Stack {
    template: Template,
    /// The embedded DynamoDB engine.
    pub engine: Engine,
    /// A store that uses the engine.
    pub store: Store,
}

impl Stack {
    /// Starts the engine with its data in the file `data`, or in memory if there is none.
    pub async fn start(data: Option<&Path>) -> Result<Self, Error> {
        let template = Template::embedded()?;
        let engine = Engine::start(&template, data).await?;
        let tables = Tables::from_vars(|name| template.variables.get(name).cloned())?;
        let store = Store::new(&config_at(&engine.url())?, tables);
        Ok(Self {
            template,
            engine,
            store,
        })
    }

    /// Returns the HTTP API as a router for `axum::serve`. Its functions use `store`.
    ///
    /// # Errors
    ///
    /// If the functions of the template and the handlers do not match.
    pub fn api(&self, store: &Store) -> Result<Router, Error> {
        Ok(router(Arc::new(self.gateway(store)?)))
    }

    /// Returns a gateway whose functions use `store`.
    ///
    /// # Errors
    ///
    /// If the functions of the template and the handlers do not match.
    pub fn gateway(&self, store: &Store) -> Result<Gateway, Error> {
        Gateway::new(&self.template, functions::all(), store)
    }

    /// Returns the environment variables that the template sets for the functions, except `DYNAMODB_ENDPOINT`.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.template
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
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
