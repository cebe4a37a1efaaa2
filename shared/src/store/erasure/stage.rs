//! The stages of an erasure: which table each reads, and which of its items refer to the contact.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::ContactId;
use crate::store::dynamodb::item::{Item, string_attr};
use crate::store::items::message::REACTION;
use crate::store::{Store, Tables};

/// A part of a pass. Each reads one table from its beginning to its end, except for the last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Those that are listed, so that the contact can do nothing any more.
    Tokens,
    /// Those that are not.
    UnlistedTokens,
    /// Before the feed, so that it gets no more entries.
    Listener,
    Feed,
    /// After the listener, so that they get no more deliveries.
    Webhooks,
    /// What its messages said before they were edited.
    Edits,
    /// Messages, with their attachments, and reactions.
    Messages,
    /// Attachments without a message.
    Attachments,
    IdempotencyKeys,
    InboxEntries,
    /// Participation, pairs, and what the contact was the first to read.
    Conversations,
    /// What it was the first to read, long ago.
    Reads,
    Memberships,
    Acquaintances,
    /// Reports that it made, and those of its messages.
    Reports,
    /// Blocks by others, and usernames that it gave up.
    Contacts,
    /// The contact itself, with its username and its external id.
    Contact,
}

/// Where the items of a stage are.
pub struct Source<'a> {
    pub table: &'a str,
    pub key: &'static [&'static str],
    /// Whether the partition of the contact has them all. Otherwise, they can be anywhere in the table.
    pub is_partition: bool,
}

impl Stage {
    pub const FIRST: Self = Self::Tokens;

    pub fn next(self) -> Self {
        match self {
            Self::Tokens => Self::UnlistedTokens,
            Self::UnlistedTokens => Self::Listener,
            Self::Listener => Self::Feed,
            Self::Feed => Self::Webhooks,
            Self::Webhooks => Self::Edits,
            Self::Edits => Self::Messages,
            Self::Messages => Self::Attachments,
            Self::Attachments => Self::IdempotencyKeys,
            Self::IdempotencyKeys => Self::InboxEntries,
            Self::InboxEntries => Self::Conversations,
            Self::Conversations => Self::Reads,
            Self::Reads => Self::Memberships,
            Self::Memberships => Self::Acquaintances,
            Self::Acquaintances => Self::Reports,
            Self::Reports => Self::Contacts,
            Self::Contacts | Self::Contact => Self::Contact,
        }
    }

    /// None for the last stage, which reads no table.
    pub fn source(self, tables: &Tables) -> Option<Source<'_>> {
        let (table, key, is_partition): (&str, &'static [&'static str], bool) = match self {
            Self::Tokens => (&tables.token_ids, &["contact_id", "id"], true),
            Self::UnlistedTokens => (&tables.tokens, &["token_hash"], false),
            Self::Listener => (&tables.listeners, &["contact_id"], true),
            Self::Feed => (&tables.feed, &["contact_id", "segment_number"], true),
            Self::Webhooks => (&tables.webhooks, &["contact_id", "id"], true),
            Self::Edits => (&tables.edits, &["conversation_id", "id"], false),
            Self::Messages => (&tables.messages, &["conversation_id", "created_at"], false),
            Self::Attachments => (
                &tables.attachments,
                &["conversation_id", "created_at"],
                false,
            ),
            Self::IdempotencyKeys => (&tables.idempotency, &["contact_id", "key"], true),
            Self::InboxEntries => (&tables.inbox, &["contact_id", "message_id"], true),
            Self::Conversations => (&tables.conversations, &["id"], false),
            Self::Reads => (&tables.reads, &["conversation_id", "up_to"], false),
            Self::Memberships => (
                &tables.memberships,
                &["contact_id", "conversation_id"],
                false,
            ),
            Self::Acquaintances => (&tables.acquaintances, &["contact_id", "other_id"], false),
            Self::Reports => (&tables.reports, &["list", "id"], false),
            Self::Contacts => (&tables.contacts, &["id"], false),
            Self::Contact => return None,
        };
        Some(Source {
            table,
            key,
            is_partition,
        })
    }

    /// How many items are erased at once, so that a request need not do much more than its limit: a message can have
    /// ninety inbox entries, a conversation that is deleted any number of messages, and a webhook any number of deliveries.
    pub fn step(self) -> usize {
        match self {
            Self::Conversations | Self::Webhooks => 1,
            Self::Messages => 25,
            _ => 100,
        }
    }

    /// Whether an item of the stage's table refers to the contact. Other items need not be well-formed.
    pub fn refers_to(self, item: &Item, contact: ContactId) -> bool {
        let contact = contact.to_string();
        let is = |attribute: &str| text(item, attribute) == Some(&contact);
        let contains = |attribute: &str| {
            let set = item.get(attribute).and_then(|value| value.as_ss().ok());
            set.is_some_and(|set| set.contains(&contact))
        };
        // An interval ends with its reader.
        let names_reader = |attribute: &str| {
            let intervals = item.get(attribute).and_then(|value| value.as_l().ok());
            let mut intervals = intervals.into_iter().flatten();
            intervals.any(|value| value.as_s().is_ok_and(|text| text.ends_with(&contact)))
        };
        // The id of a pair is `@` and both contacts.
        let is_of_pair = || {
            let pair = text(item, "id").and_then(|id| id.strip_prefix('@'));
            pair.is_some_and(|pair| pair.split(':').any(|id| id == contact))
        };
        match self {
            Self::Tokens
            | Self::Listener
            | Self::Feed
            | Self::Webhooks
            | Self::IdempotencyKeys
            | Self::InboxEntries => true,
            Self::UnlistedTokens | Self::Edits | Self::Attachments => is("contact_id"),
            Self::Messages => {
                let mut attributes = item.keys();
                is("contact_id")
                    || attributes.any(|name| name.starts_with(REACTION) && contains(name))
            }
            Self::Conversations => {
                is_of_pair()
                    || contains("participants")
                    || is("closed_by")
                    || names_reader("read_log")
            }
            Self::Reads => names_reader("intervals"),
            Self::Memberships => is("contact_id") || is("added_by"),
            Self::Acquaintances => is("contact_id") || is("other_id"),
            // The id of the item that it has reported a message is its own.
            Self::Reports => is("contact_id") || is("reported_by") || is("id"),
            Self::Contacts => is("contact_id") || contains("blocks"),
            Self::Contact => false,
        }
    }
}

fn text<'a>(item: &'a Item, attribute: &str) -> Option<&'a String> {
    item.get(attribute).and_then(|value| value.as_s().ok())
}

/// A page of a table: its items that refer to the contact, and the key after which the next page starts.
pub struct StagePage {
    pub found: Vec<Item>,
    pub next: Option<Item>,
}

impl Store {
    /// The next page of a stage: at most 1 MB, which costs 256 read units.
    pub(super) async fn stage_page(
        &self,
        stage: Stage,
        source: &Source<'_>,
        contact: ContactId,
        position: Option<Item>,
    ) -> Result<StagePage> {
        let (items, next) = if source.is_partition {
            let query = self
                .db
                .query()
                .table_name(source.table)
                .consistent_read(true)
                .key_condition_expression("contact_id = :contact")
                .expression_attribute_values(":contact", string_attr(contact))
                .set_exclusive_start_key(position);
            let page = query.send().await?;
            (page.items, page.last_evaluated_key)
        } else {
            let scan = self
                .db
                .scan()
                .table_name(source.table)
                .consistent_read(true)
                .set_exclusive_start_key(position);
            let page = scan.send().await?;
            (page.items, page.last_evaluated_key)
        };
        let mut found = items.unwrap_or_default();
        found.retain(|item| stage.refers_to(item, contact));
        Ok(StagePage { found, next })
    }
}

impl Source<'_> {
    /// The key of an item.
    pub fn key_of(&self, item: &Item) -> Item {
        let attributes = self.key.iter();
        attributes
            .filter_map(|&name| Some((name.to_owned(), item.get(name)?.clone())))
            .collect()
    }
}
