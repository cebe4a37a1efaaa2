//! Runs the whole API in one process, without AWS. `cargo dev` and the tests use it.
//!
//! - [`template`]: reads tables, routes and policies from `template.yaml`.
//! - [`engine`]: an embedded DynamoDB engine with the tables of the template.
//! - [`bucket`]: S3, with the files in a folder.
//! - [`client`]: an HTTP client with TLS.
//! - [`functions`]: the handler of each Lambda function, by the name of its binary.
//! - [`permissions`]: enforces the policy of each function.
//! - [`calls`]: records the operations of DynamoDB that functions call.
//! - [`gateway`]: translates between HTTP and Lambda events, like API Gateway.
//! - [`sockets`]: a WebSocket API, like API Gateway's.
//! - [`streams`]: invokes functions with the changes of a table, like Lambda.
//! - [`cors`]: answers browsers whose page is of another origin, like API Gateway.
//! - [`lambda`]: the Lambda runtime API, for functions that run as separate processes.
//! - [`demo`]: demo contacts, conversations and messages.
//! - [`prices`]: what a request costs on AWS.
//! - [`tls`]: a TLS proxy in front of the engine.
//! - [`stack`]: combines engine, store and gateway.

pub mod bucket;
pub mod calls;
pub mod client;
pub mod cors;
mod deliveries;
pub mod demo;
pub mod engine;
pub mod functions;
pub mod gateway;
pub mod lambda;
pub mod permissions;
pub mod prices;
pub mod sockets;
pub mod stack;
pub mod streams;
pub mod template;
pub mod tls;

/// An error whose message fits on one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
