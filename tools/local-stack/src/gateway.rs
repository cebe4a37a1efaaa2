//! Routes HTTP requests to handlers, like API Gateway, and changes of tables (`streams`): builds a Lambda event (payload format 2.0) and turns the
//! function's output into an HTTP response.
//!
//! Events and outputs pass through JSON and the types of `lambda_http`, so handlers receive the same bytes as
//! on AWS.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header, request::Parts, uri::Authority};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent, Service, service_fn};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use shared::Store;
use shared::time::Clock;
use uuid::Uuid;

use crate::Error;
use crate::calls::Calls;
use crate::deliveries::Deliverer;
use crate::engine::Engine;
use crate::functions::{self, Handler, SocketHandler};
use crate::permissions::Permissions;
use crate::streams::Trigger;
use crate::template::Template;

/// The largest request body that API Gateway accepts, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The largest event, and the largest output of a function, that Lambda accepts, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The client address in every event.
const SOURCE_IP: &str = "127.0.0.1";

/// The key of the route for requests that match no other route.
const DEFAULT_ROUTE: &str = "$default";

/// An HTTP gateway to the functions of a template.
pub struct Gateway {
    routes: Vec<Route>,
    socket_routes: Vec<SocketRoute>,
    triggers: Vec<Trigger>,
    deliverers: Vec<Deliverer>,
    permissions: Vec<Permissions>,
    calls: Calls,
}

/// A route with the handler of its function and a store with the permissions of that function.
struct Route {
    key: String,
    handler: Handler,
    store: Store,
}

/// A route of the WebSocket API, with the handler of its function and a store with the permissions of that function.
struct SocketRoute {
    key: String,
    handler: SocketHandler,
    store: Store,
}

impl Gateway {
    /// Creates a gateway that routes requests as `template` says.
    ///
    /// # Errors
    ///
    /// If a function of the template has no handler, or a handler has no function; the message contains its name.
    pub fn new(
        template: &Template,
        mut handlers: BTreeMap<&'static str, Handler>,
        store: &Store,
    ) -> Result<Self, Error> {
        let calls = Calls::default();
        let mut stream_handlers = functions::of_streams();
        let mut socket_handlers = functions::of_sockets();
        let (mut routes, mut triggers, mut granted) = (Vec::new(), Vec::new(), Vec::new());
        let mut delivery_handlers = functions::of_deliveries();
        let (mut socket_routes, mut deliverers) = (Vec::new(), Vec::new());
        let keys = template.tables.iter();
        let keys = keys.map(|(name, table)| (name.clone(), table.partition_key().to_owned()));
        let keys = Arc::new(keys.collect());
        for function in &template.functions {
            let binary = function.binary.as_str();
            let missing = || {
                format!("the local stack has no handler for the function {binary} of template.yaml")
            };
            let permissions = Permissions::new(function, Arc::clone(&keys));
            let store = store
                .as_new_instance()
                .with_interceptor(permissions.clone())
                .with_interceptor(calls.clone());
            let files = store.files().filter(|_| function.has_files).cloned();
            let files = files.map(|files| files.with_observer(permissions.of_files()));
            let sockets = store.sockets().filter(|_| function.has_sockets);
            let sockets = sockets.map(|sockets| sockets.with_interceptor(permissions.clone()));
            let store = store.with_files(files).with_sockets(sockets);
            granted.push(permissions);
            if let Some(handler) = delivery_handlers.remove(binary) {
                let [stream] = &*function.streams else {
                    return Err(format!("{binary} has not one stream").into());
                };
                if !function.is_scheduled {
                    return Err(format!("{binary} has no schedule").into());
                }
                deliverers.push(Deliverer {
                    stream: stream.clone(),
                    handler,
                    store,
                });
                continue;
            }
            if !function.streams.is_empty() {
                let handler = stream_handlers.remove(binary).ok_or_else(missing)?;
                triggers.extend(function.streams.iter().map(|stream| Trigger {
                    stream: stream.clone(),
                    handler: handler.clone(),
                    store: store.clone(),
                }));
                continue;
            }
            if let Some(handler) = socket_handlers.remove(binary) {
                let keys = template.socket_routes.iter();
                let keys = keys.filter(|(_, name)| *name == function.name);
                socket_routes.extend(keys.map(|(key, _)| SocketRoute {
                    key: key.clone(),
                    handler: handler.clone(),
                    store: store.clone(),
                }));
                continue;
            }
            let handler = handlers.remove(binary).ok_or_else(missing)?;
            routes.extend(function.routes.iter().map(|key| Route {
                key: key.clone(),
                handler: handler.clone(),
                store: store.clone(),
            }));
        }
        let unused = handlers.keys().chain(stream_handlers.keys());
        let unused = unused.chain(socket_handlers.keys());
        match unused.chain(delivery_handlers.keys()).next() {
            Some(binary) => Err(format!(
                "template.yaml has no function for the handler {binary} of the local stack"
            )
            .into()),
            None => Ok(Self {
                routes,
                socket_routes,
                triggers,
                deliverers,
                permissions: granted,
                calls,
            }),
        }
    }

    /// Returns the permissions that functions were granted and have not used, and those that they needed and were
    /// not granted.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.permissions
            .iter()
            .flat_map(Permissions::violations)
            .collect()
    }

    /// Returns the operations of DynamoDB that functions have called, by table.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.calls.by_table()
    }

    /// Invokes functions with the changes of tables, until there are none.
    ///
    /// # Errors
    ///
    /// If a function fails. The next call repeats its records.
    pub async fn handle_changes(&self, engine: &Engine) -> Result<(), Error> {
        // A function that fails does not stop the others.
        let mut outcome = Ok(());
        for trigger in &self.triggers {
            outcome = outcome.and(trigger.handle_changes(engine).await);
        }
        outcome
    }

    /// Invokes the function that delivers webhooks with new deliveries, until there are none.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub async fn deliver_new(&self, engine: &Engine) -> Result<(), Error> {
        for deliverer in &self.deliverers {
            deliverer.deliver_new(engine).await?;
        }
        Ok(())
    }

    /// Invokes the function that delivers webhooks as its schedule does, every minute on AWS.
    ///
    /// # Errors
    ///
    /// If it fails.
    pub async fn deliver_due(&self) -> Result<(), Error> {
        for deliverer in &self.deliverers {
            deliverer.deliver_due().await?;
        }
        Ok(())
    }

    /// Invokes the function of a route of the WebSocket API. Returns the status.
    ///
    /// # Errors
    ///
    /// If the route does not exist, or the event is invalid.
    pub async fn invoke_for_socket(&self, event: Value) -> Result<u16, Error> {
        let key = &event["requestContext"]["routeKey"];
        let mut routes = self.socket_routes.iter();
        let route = routes.find(|route| *key == *route.key);
        let route = route.ok_or_else(|| format!("the WebSocket API has no route {key}"))?;
        let mut context = Context::default();
        context.request_id = Uuid::new_v4().to_string();
        let event = LambdaEvent::new(serde_json::from_value(event)?, context);
        let output = (route.handler)(route.store.clone(), event).await;
        Ok(output.status())
    }

    /// Responds to a request like the deployed API.
    pub async fn handle(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Some((route, path_parameters)) = self.route(&parts.method, parts.uri.path()) else {
            return gateway_response(StatusCode::NOT_FOUND, "Not Found");
        };
        let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
            return gateway_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let host = parts
            .headers
            .get(header::HOST)
            .map(|host| Authority::try_from(host.as_bytes()));
        if !matches!(host, Some(Ok(_))) {
            return gateway_response(StatusCode::BAD_REQUEST, "Bad Request");
        }
        let event = event(&parts, &body, &route.key, &path_parameters).to_string();
        if event.len() > MAX_PAYLOAD {
            return gateway_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let invocation = tokio::spawn(invoke(route.handler.clone(), route.store.clone(), event));
        match invocation.await.map_err(Error::from).flatten() {
            Ok(response) => response,
            Err(error) => {
                eprintln!("the function failed: {error}");
                gateway_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }

    /// Returns the route that matches, and its path parameters.
    fn route(&self, method: &Method, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let found = self.routes.iter().find_map(|route| {
            let (expected, template) = route.key.split_once(' ')?;
            let parameters = match_path(template, path)?;
            (expected == method.as_str()).then_some((route, parameters))
        });
        let default = || self.routes.iter().find(|route| route.key == DEFAULT_ROUTE);
        found.or_else(|| default().map(|route| (route, BTreeMap::new())))
    }
}

/// Returns the path parameters if `path` matches `template`.
fn match_path(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    let mut parameters = BTreeMap::new();
    loop {
        match (template.next(), path.next()) {
            (None, None) => return Some(parameters),
            (Some(expected), Some(given)) => match expected
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) if !given.is_empty() => {
                    let given = percent_decode_str(given).decode_utf8_lossy().into_owned();
                    parameters.insert(name.to_owned(), given);
                }
                None if expected == given => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// Builds the Lambda event of a request.
fn event(
    parts: &Parts,
    body: &[u8],
    route: &str,
    path_parameters: &BTreeMap<String, String>,
) -> Value {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let query = parts.uri.query().unwrap_or_default();
    let header = |name| {
        parts
            .headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = header(header::HOST).unwrap_or_default();
    let cookies = parts.headers.get_all(header::COOKIE).iter();
    let cookies: Vec<_> = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "))
        .collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(parts),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": SOURCE_IP,
                "userAgent": header(header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": route,
            "stage": DEFAULT_ROUTE,
            "timeEpoch": Clock::system().now().0 / 1000,
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        let mut parameters: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            append_value(&mut parameters, &name, &value);
        }
        event["queryStringParameters"] = json!(parameters);
    }
    if !path_parameters.is_empty() {
        event["pathParameters"] = json!(path_parameters);
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&header(header::CONTENT_TYPE).unwrap_or_default()) => {
                event["body"] = json!(text);
            }
            _ => {
                event["body"] = json!(BASE64_STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event
}

/// Returns the headers of the event, without cookies: names in lower case, repeated headers joined with commas.
///
/// Replaces `x-forwarded-*` headers of the client by those of the gateway.
fn headers(parts: &Parts) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for (name, value) in parts
        .headers
        .iter()
        .filter(|(name, _)| *name != header::COOKIE)
    {
        append_value(
            &mut joined,
            name.as_str(),
            &String::from_utf8_lossy(value.as_bytes()),
        );
    }
    for (name, value) in [
        ("x-forwarded-for", SOURCE_IP),
        ("x-forwarded-port", "80"),
        ("x-forwarded-proto", "http"),
    ] {
        joined.insert(name.to_owned(), value.to_owned());
    }
    joined
}

fn append_value(values: &mut BTreeMap<String, String>, name: &str, value: &str) {
    let joined = values
        .entry(name.to_owned())
        .and_modify(|joined| joined.push(','))
        .or_default();
    joined.push_str(value);
}

/// Whether API Gateway passes bodies of this type unencoded. Forms are encoded in base64.
fn is_text(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let text_types = [
        "application/json",
        "application/javascript",
        "application/xml",
    ];
    media_type.starts_with("text/") || text_types.contains(&media_type.as_str())
}

/// Invokes a handler as the Lambda runtime does.
async fn invoke(handler: Handler, store: Store, event: String) -> Result<Response, Error> {
    let payload: LambdaRequest = serde_json::from_str(&event)?;
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    let service = service_fn(move |event| {
        let response = handler(store.clone(), event);
        async { Ok::<_, Infallible>(response.await) }
    });
    let response = Adapter::from(service)
        .call(shared::http::sanitize_event(LambdaEvent {
            payload,
            context,
        }))
        .await?;
    let response = serde_json::to_string(&response)?;
    if response.len() > MAX_PAYLOAD {
        return Err("the output exceeds Lambda's limit".into());
    }
    to_http_response(serde_json::from_str(&response)?)
}

/// Converts the output of a function to an HTTP response.
fn to_http_response(output: ApiGatewayV2httpResponse) -> Result<Response, Error> {
    let body = match output.body {
        None => Vec::new(),
        Some(body) if output.is_base64_encoded => BASE64_STANDARD.decode(&body[..])?,
        Some(body) => body.to_vec(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(output.status_code)?)?;
    *response.headers_mut() = output.headers;
    for cookie in output.cookies {
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookie.parse()?);
    }
    Ok(response)
}

/// Returns a response of API Gateway itself, for requests that reach no function.
fn gateway_response(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
