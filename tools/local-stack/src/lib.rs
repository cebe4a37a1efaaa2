//! The whole API in one process: what `cargo dev` runs, and what the tests run against.
//!
//! - [`template`]: reads `template.yaml`, the one source of tables and routes.
//! - [`engine`]: an embedded DynamoDB with those tables.
//! - [`functions`]: the handlers, by the name of their Lambda binary.
//! - [`permissions`]: what each function may do, as its policy says.
//! - [`gateway`]: HTTP to Lambda events and back, as API Gateway does it.
//! - [`lambda`]: what a function talks to that runs as a process of its own.
//! - [`demo`]: people, a conversation and messages to begin with.
//! - [`tls`]: an end of TLS in front of the engine, as in front of DynamoDB.
//! - [`stack`]: all of it together.

pub mod demo;
pub mod engine;
pub mod functions;
pub mod gateway;
pub mod lambda;
pub mod permissions;
pub mod stack;
pub mod template;
pub mod tls;

/// Why the stack cannot start, in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
