//! Tests of the HTTP API: a file per operation, and files on rules that apply to several operations.

mod harness;

mod add_participants;
mod authentication;
mod authorization;
mod concurrency;
mod conditional_requests;
mod create_conversation;
mod create_message;
mod create_token;
mod delete_message;
mod get_contact;
mod get_conversation;
mod get_me;
mod get_message;
mod idempotency;
mod leave_conversation;
mod list_contacts;
mod list_conversations;
mod list_messages;
mod list_tokens;
mod local;
mod remove_participant;
mod request_parsing;
mod response_headers;
mod revoke_token;
mod unknown_route;
mod update_conversation;
mod update_me;
mod update_message;
