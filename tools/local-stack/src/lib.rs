//! Runs the whole API in one process, without AWS. `cargo dev` and the tests use it.
//!
//! - [`template`]: reads tables, routes and policies from `template.yaml`.
//! - [`engine`]: an embedded DynamoDB engine with the tables of the template.
//! - [`functions`]: the handler of each Lambda function, by the name of its binary.
//! - [`permissions`]: enforces the policy of each function.
//! - [`gateway`]: translates between HTTP and Lambda events, like API Gateway.
//! - [`lambda`]: the Lambda runtime API, for functions that run as separate processes.
//! - [`demo`]: demo contacts, conversations and messages.
//! - [`tls`]: a TLS proxy in front of the engine.
//! - [`stack`]: combines engine, store and gateway.

pub mod demo;
pub mod engine;
pub mod functions;
pub mod gateway;
pub mod lambda;
pub mod permissions;
pub mod stack;
pub mod template;
pub mod tls;

/// An error whose message fits on one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
