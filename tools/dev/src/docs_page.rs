//! `/docs` and `/openapi.json`, which the deployed API does not have: the reference of the API, where each call can be
//! tried. Both can be written to a folder, for any web server.

use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::get;
use local_stack::Error;
use local_stack::demo::CONTACTS;
use scalar_api_reference::get_asset;

use crate::openapi;
use crate::pages::{file, is_for_this_machine};

const PAGE: &str = include_str!("../pages/docs/docs.html");
const SCRIPT: &str = include_str!("../pages/docs/docs.js");

/// The page loads its own files, and calls only `{{api}}`. The inline styles are Scalar's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self' {{api}}; base-uri 'none'; form-action 'none'";

/// Stands for the URL of the API in the document.
const SERVER: &str = "{{server}}";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A router with the page. With demo data, a token is filled in for requests to this machine by name.
///
/// # Errors
///
/// If `docs/openapi.yaml` is not valid, or a file of the page is missing.
pub fn router(has_demo_data: bool) -> Result<Router, Error> {
    let page = async move |request: Request| {
        let may_try = has_demo_data && is_for_this_machine(request.headers());
        let token = if may_try { CONTACTS[0].token } else { "" };
        served("text/html; charset=utf-8", page(&policy(""), token).into())
    };
    let script = |content| get(async move || served(JAVASCRIPT, content));
    let document = openapi::json(SERVER)?;
    let document = async move |request: Request| {
        let document = document.replace(SERVER, &server(request.headers()));
        served("application/json", document.into())
    };
    Ok(Router::new()
        .route("/docs", get(page))
        .route("/docs/docs.js", script(SCRIPT.into()))
        .route("/docs/scalar.js", script(scalar()?.into()))
        .route("/openapi.json", get(document)))
}

/// The URL that the request was sent to, if it names this machine.
fn server(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST);
    match host.and_then(|host| host.to_str().ok()) {
        Some(host) if is_for_this_machine(headers) => format!("http://{host}"),
        _ => "/".to_owned(),
    }
}

fn served(kind: &str, content: Bytes) -> Response {
    let policy = format!("{}; frame-ancestors 'none'", policy(""));
    file(kind, &policy, content)
}

/// Writes the page into a folder, for the API at this URL.
///
/// # Errors
///
/// If the URL is not that of an API, or a file cannot be written.
pub fn export(folder: &Path, server: &str) -> Result<(), Error> {
    let server = origin(server)?;
    let files: [(&str, Vec<u8>); 4] = [
        ("index.html", page(&policy(&server), "").into()),
        ("docs/docs.js", SCRIPT.into()),
        ("docs/scalar.js", scalar()?),
        ("openapi.json", openapi::json(&server)?.into()),
    ];
    fs::create_dir_all(folder.join("docs"))
        .and_then(|()| {
            files
                .iter()
                .try_for_each(|(name, content)| fs::write(folder.join(name), content))
        })
        .map_err(|error| format!("{}: {error}", folder.display()).into())
}

/// The URL without a slash at the end.
fn origin(url: &str) -> Result<String, Error> {
    let uri: Result<Uri, _> = url.parse();
    let parts = uri.ok().map(Uri::into_parts);
    match parts.map(|parts| (parts.scheme, parts.authority, parts.path_and_query)) {
        Some((Some(scheme), Some(authority), Some(path)))
            if ["http", "https"].contains(&scheme.as_str()) && path == "/" =>
        {
            Ok(format!("{scheme}://{authority}"))
        }
        _ => Err(format!("--server {url}: not a URL like https://api.example.com").into()),
    }
}

fn policy(api: &str) -> String {
    POLICY.replace(" {{api}}", format!(" {api}").trim_end())
}

fn page(policy: &str, token: &str) -> String {
    PAGE.replace("{{policy}}", policy)
        .replace("{{token}}", token)
}

/// Scalar, a script without dependencies: <https://github.com/scalar/scalar>.
fn scalar() -> Result<Vec<u8>, Error> {
    get_asset("scalar.js").ok_or_else(|| "scalar.js is missing in its crate".into())
}
