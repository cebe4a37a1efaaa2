//! The items of each table, their keys, and the transaction items that create or end them.
//!
//! A uniqueness rule is a second kind of item in the same table: a username in the contacts table, a pair
//! of contacts in the conversations table.

pub mod acquaintance;
pub mod attachment;
pub mod audit_entry;
pub mod contact;
pub mod conversation;
pub mod delivery;
pub mod edit;
pub mod erasure;
pub mod feed;
pub mod idempotency_record;
pub mod inbox_entry;
pub mod listener;
pub mod membership;
pub mod message;
pub mod metadata;
pub mod read_log;
pub mod report;
pub mod token;
pub mod webhook;
