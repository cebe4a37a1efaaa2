//! The contract of the API, rule by rule, as a user would test it: through real HTTP.

mod harness;

mod authentication;
mod concurrency;
mod contacts;
mod conversations;
mod create_message;
mod delete_message;
mod get_message;
mod hygiene;
mod idempotency;
mod list_messages;
mod local;
mod participants;
mod preconditions;
mod requests;
mod tokens;
mod update_message;
mod who_may_what;
