//! Engine, store and gateway, put together.

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

/// The API of `template.yaml`, all of it local.
pub struct Stack {
    template: Template,
    /// What stands in for DynamoDB.
    pub engine: Engine,
    /// The store in it.
    pub store: Store,
}

impl Stack {
    /// Starts an engine, with its data in `data` or in memory.
    ///
    /// # Errors
    ///
    /// Says in one line what is wrong, be it with the template or with the file.
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

    /// The HTTP API over `store`, for `axum::serve`.
    ///
    /// # Errors
    ///
    /// If template and handlers do not match.
    pub fn api(&self, store: &Store) -> Result<Router, Error> {
        Ok(router(Arc::new(self.gateway(store)?)))
    }

    /// The gateway to the functions over `store`.
    ///
    /// # Errors
    ///
    /// If template and handlers do not match.
    pub fn gateway(&self, store: &Store) -> Result<Gateway, Error> {
        Gateway::new(&self.template, functions::all(), store)
    }

    /// The environment that the functions run in, on Lambda and anywhere else, but for `DYNAMODB_ENDPOINT`.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.template
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The HTTP side of a gateway.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(handle).with_state(gateway)
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    gateway.handle(request).await
}

/// Takes an address to listen on.
///
/// # Errors
///
/// Says in one line which address cannot be had, and why.
pub async fn listen(host: &str, port: u16) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind((host, port)).await;
    listener.map_err(|error| format!("cannot listen on {host}:{port}: {error}").into())
}
