//! Acquaintances: contacts who share a conversation.

use std::collections::{BTreeSet, HashMap};
use std::iter;

use futures_util::future::join;

use super::Store;
use super::consent::DECLINE_DURATION;
use super::dynamodb::batch::BatchGet;
use super::dynamodb::concurrency::join_bounded;
use super::dynamodb::item::{from_item, number_attr, string_attr, string_set_attr};
use super::dynamodb::query::{FilteredQuery, NO_LIMIT};
use super::dynamodb::update::Update;
use super::items::acquaintance::{self, Acquaintance, MAX_CONVERSATIONS};
use super::items::conversation::{self, ConversationItem};
use crate::contact::{MAX_JSON_LEN, Relation};
use crate::error::{Result, chain};
use crate::id::{ContactId, ConversationId};
use crate::page::{Cursor, Direction, Limit, Page};
use crate::time::{Micros, Seconds};

/// How many items are read at once: former acquaintances have items, too, of some 70 bytes, until they expire.
const STEP: usize = 200;

/// What others have to do with a contact.
#[derive(Default)]
pub(super) struct Acquaintances {
    /// Those who share a conversation with the contact.
    pub acquainted: BTreeSet<ContactId>,
    /// Until when those who declined cannot be asked again.
    pub declined_until: HashMap<ContactId, Micros>,
}

impl Store {
    /// What others have to do with a contact. One round trip; two more if the contact's acquaintances are
    /// not known to be complete.
    pub(super) async fn load_acquaintances(
        &self,
        contact: ContactId,
        others: &BTreeSet<ContactId>,
    ) -> Result<Acquaintances> {
        let table = &self.tables.acquaintances;
        let keys = others.iter();
        let keys = keys.map(|&other| acquaintance::key(other, contact));
        let keys = keys.chain(iter::once(acquaintance::complete_key(contact)));
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let mut found = Acquaintances::default();
        let mut is_complete = false;
        for item in items.take_items(table) {
            if acquaintance::is_marker(&item) {
                is_complete = true;
                continue;
            }
            let item: Acquaintance = from_item(item)?;
            if !item.conversations.is_empty() {
                found.acquainted.insert(item.contact_id);
            }
            if let Some(end) = item.declined_until {
                found.declined_until.insert(item.contact_id, end);
            }
        }
        if !is_complete {
            let all = self.search_acquaintances(contact).await?;
            found.acquainted = all.intersection(others).copied().collect();
        }
        Ok(found)
    }

    /// Whether two contacts share a conversation, or are the same. Round trips as for
    /// [`Store::load_acquaintances`].
    pub(super) async fn relation(&self, contact: ContactId, other: ContactId) -> Result<Relation> {
        if contact == other {
            return Ok(Relation::Acquainted);
        }
        let others = BTreeSet::from([other]);
        let found = self.load_acquaintances(contact, &others).await?;
        Ok(if found.acquainted.contains(&other) {
            Relation::Acquainted
        } else {
            Relation::Stranger
        })
    }

    /// A page of the contacts that share a conversation with the contact, by id. One round trip; two more
    /// if its acquaintances are not known to be complete.
    pub(super) async fn acquaintance_page(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<ContactId>>,
        limit: Limit,
    ) -> Result<Page<ContactId>> {
        let marker = BatchGet::default().keys(
            &self.tables.acquaintances,
            [acquaintance::complete_key(contact)],
        );
        let query = self.query_acquaintances(contact, cursor, limit.get() + 1);
        let (marker, found) = join(marker.send(&self.db), query).await;
        let is_complete = !marker?.take_items(&self.tables.acquaintances).is_empty();
        if !is_complete {
            let all = self.search_acquaintances(contact).await?;
            return Ok(Page::of_sorted(&all, cursor, limit, MAX_JSON_LEN));
        }
        let direction = Cursor::direction(cursor.as_ref());
        Ok(Page::of(found?, limit, direction, |_| MAX_JSON_LEN))
    }

    /// Up to `wanted` acquaintances, next to the cursor and in its direction.
    async fn query_acquaintances(
        &self,
        contact: ContactId,
        cursor: Option<Cursor<ContactId>>,
        wanted: usize,
    ) -> Result<Vec<ContactId>> {
        let (condition, bound) = match cursor {
            None => ("other_id > :bound", acquaintance::COMPLETE.to_owned()),
            Some(Cursor::StartingAfter(id)) => ("other_id > :bound", id.to_string()),
            Some(Cursor::EndingBefore(id)) => ("other_id < :bound", id.to_string()),
        };
        let query = self
            .db
            .query()
            .table_name(&self.tables.acquaintances)
            .consistent_read(true)
            .key_condition_expression(format!("contact_id = :contact AND {condition}"))
            .filter_expression("attribute_exists(conversations)")
            .expression_attribute_values(":contact", string_attr(contact))
            .expression_attribute_values(":bound", string_attr(&bound))
            .scan_index_forward(Cursor::direction(cursor.as_ref()) == Direction::Older);
        let mut query = FilteredQuery::new(query, NO_LIMIT).with_page_size(wanted.max(STEP));
        let mut found = Vec::new();
        while found.len() < wanted
            && let Some(page) = query.next_page().await?
        {
            for item in page.items {
                found.push(from_item::<Acquaintance>(item)?.other_id);
            }
        }
        found.truncate(wanted);
        Ok(found)
    }

    /// All acquaintances in the contact's 1,000 most recently active conversations. Two round trips, and up
    /// to 1,030 read units: for contacts that were created before acquaintances were stored.
    async fn search_acquaintances(&self, contact: ContactId) -> Result<BTreeSet<ContactId>> {
        let ids = self.recent_conversations(contact).await?.into_iter();
        let keys = ids.map(conversation::key);
        let batch = BatchGet::default().keys(&self.tables.conversations, keys);
        let mut items = batch.send(&self.db).await?;
        let conversations = self.take_conversations(&mut items)?;
        let shared = conversations
            .iter()
            .filter(|conversation| conversation.has_accepted(contact));
        let others = shared.flat_map(ConversationItem::accepted);
        Ok(others.filter(|&other| other != contact).collect())
    }

    /// Records that these pairs of contacts share a conversation. A write per direction, up to 16 at once;
    /// repeating it changes nothing.
    ///
    /// Then it reads the conversation again, and takes back what is not true any more: who leaves meanwhile
    /// deletes its acquaintances either after this has written them, or before this reads again.
    pub(super) async fn record_acquaintances(
        &self,
        conversation: ConversationId,
        pairs: &BTreeSet<(ContactId, ContactId)>,
    ) -> Result<()> {
        if pairs.is_empty() {
            return Ok(());
        }
        let updates = both_directions(pairs).map(|(contact, other)| {
            let condition = "attribute_not_exists(conversations) \
                 OR size(conversations) < :max OR contains(conversations, :id)";
            Update::new(
                &self.tables.acquaintances,
                acquaintance::key(contact, other),
                "ADD conversations :ids REMOVE expires_at",
                condition,
            )
            .value(":ids", string_set_attr([conversation]))
            .value(":id", string_attr(conversation))
            .value(":max", number_attr(MAX_CONVERSATIONS))
            .send(&self.db)
        });
        let recorded = join_bounded(updates.collect()).await;
        let current = self.load_conversation(conversation).await?;
        let share = |&(a, b): &(ContactId, ContactId)| {
            let current = current.as_ref();
            current.is_some_and(|current| current.has_accepted(a) && current.has_accepted(b))
        };
        let stale = pairs.iter().copied().filter(|pair| !share(pair)).collect();
        self.remove_acquaintances(conversation, &stale).await?;
        recorded.map(drop)
    }

    /// Which of these contacts are not listed as acquaintances of the contact by this conversation. One round
    /// trip.
    pub(super) async fn unrecorded_acquaintances(
        &self,
        conversation: ConversationId,
        contact: ContactId,
        others: &BTreeSet<ContactId>,
    ) -> Result<BTreeSet<ContactId>> {
        let table = &self.tables.acquaintances;
        let keys = others.iter();
        let keys = keys.map(|&other| acquaintance::key(contact, other));
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let mut unrecorded = others.clone();
        for item in items.take::<Acquaintance>(table)? {
            if item.conversations.contains(&conversation) {
                unrecorded.remove(&item.other_id);
            }
        }
        Ok(unrecorded)
    }

    /// As [`Store::record_acquaintances`], but a failure is logged only: the conversation exists, and an
    /// error response would make the client create another one. `cargo ops doctor --repair` records them.
    pub(super) async fn record_acquaintances_or_log(
        &self,
        conversation: ConversationId,
        pairs: &BTreeSet<(ContactId, ContactId)>,
    ) {
        if let Err(error) = self.record_acquaintances(conversation, pairs).await {
            tracing::warn!(error = chain(&error), "failed to record acquaintances");
        }
    }

    /// Records that these pairs of contacts do not share this conversation any more. One or two writes per
    /// direction, up to 16 at once; repeating it changes nothing.
    pub(super) async fn remove_acquaintances(
        &self,
        conversation: ConversationId,
        pairs: &BTreeSet<(ContactId, ContactId)>,
    ) -> Result<()> {
        let removals = both_directions(pairs).map(|(contact, other)| async move {
            let removal = Update::new(
                &self.tables.acquaintances,
                acquaintance::key(contact, other),
                "DELETE conversations :ids",
                "contains(conversations, :id)",
            )
            .value(":ids", string_set_attr([conversation]))
            .value(":id", string_attr(conversation));
            if removal.send(&self.db).await? {
                self.expire_unless_acquainted(contact, other).await?;
            }
            Ok(())
        });
        join_bounded(removals.collect()).await.map(drop)
    }

    /// Lets the item of a contact that is no acquaintance expire, once nobody can be declined by it any more.
    pub(super) async fn expire_unless_acquainted(
        &self,
        contact: ContactId,
        other: ContactId,
    ) -> Result<()> {
        let condition = "attribute_exists(other_id) AND attribute_not_exists(conversations) \
             AND (attribute_not_exists(expires_at) OR expires_at < :end)";
        let end = self.clock.now().after(DECLINE_DURATION);
        Update::new(
            &self.tables.acquaintances,
            acquaintance::key(contact, other),
            "SET expires_at = :end",
            condition,
        )
        .value(":end", number_attr(Seconds::from(end).0 + 1))
        .send(&self.db)
        .await
        .map(drop)
    }
}

fn both_directions(
    pairs: &BTreeSet<(ContactId, ContactId)>,
) -> impl Iterator<Item = (ContactId, ContactId)> {
    pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)])
}

/// All pairs of different contacts, each pair once.
pub(super) fn pairs_among(contacts: &BTreeSet<ContactId>) -> BTreeSet<(ContactId, ContactId)> {
    let contacts = contacts.iter().enumerate();
    let pairs = contacts.clone().flat_map(|(index, &first)| {
        let later = contacts.clone().skip(index + 1);
        later.map(move |(_, &second)| (first, second))
    });
    pairs.collect()
}
