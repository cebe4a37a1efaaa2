//! Tests that need the local stack: direct access to the engine, a clock that can be set, or the log.
//!
//! If `API_URL` names an API that runs elsewhere, skip them with `--skip local::`.

mod activity;
mod attachment_faults;
mod attachments;
mod audit;
mod budget;
mod cleanup;
mod clock_skew;
mod consent;
mod contract;
mod conversation_events;
mod cost;
mod deliveries;
mod demo_data;
mod dynamodb_errors;
mod edits;
mod erase_contact;
mod event_faults;
mod events;
mod feed_client;
mod gateway;
mod jwt;
mod last_release;
mod leaving;
mod log;
mod membership_faults;
mod message_faults;
mod messages_of_a_contact;
mod model;
mod operator_webhooks;
mod paging;
mod presigned_urls;
mod properties;
mod quotas;
mod reads;
mod reference;
mod refusals;
mod retry_quota;
mod seeds;
mod sockets;
mod suspension;
mod tokens;
mod unread_counts;
mod usernames;
mod webhooks;
