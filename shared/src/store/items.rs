//! What the tables hold: the items, their keys, and the rules that need nothing but an item.
//!
//! Several kinds of items share a table where one exists at most once per key of the other:
//! a username is an item in the contacts table, a pair is one in the conversations table.

pub mod contact;
pub mod conversation;
pub mod idempotency_record;
pub mod inbox_entry;
pub mod membership;
pub mod message;
pub mod token;
