//! Counting unread messages on the index `by_time`, whose entries have no texts.
//!
//! 100 entries take 7.6 KB, so a count costs at most 1 read unit. An index is eventually consistent: it usually
//! lags behind by less than a second. The newest message, which is read from the table, corrects the count where
//! a client would notice.

use aws_sdk_dynamodb::types::Select;

use crate::conversation::MAX_UNREAD;
use crate::error::Result;
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::concurrency::{MAX_CONCURRENT, join_bounded};
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::query::FilteredQuery;
use crate::store::items::membership::{ConversationList, Membership};
use crate::store::items::message::MessageItem;
use crate::store::key_range::KeyRange;
use crate::time::Micros;

/// How many conversations are examined for the total of a contact.
const MAX_CONVERSATIONS: usize = 100;

impl Store {
    /// The unread count of a participant in a conversation with this newest message. One round trip; none if the
    /// participant has seen it.
    pub(in crate::store) async fn unread_count(
        &self,
        membership: &Membership,
        newest: Option<&MessageItem>,
    ) -> Result<usize> {
        if newest.is_none_or(|newest| newest.created_at <= membership.seen_up_to()) {
            return Ok(0);
        }
        let count = self.indexed_unread_count(membership).await?;
        Ok(correct_unread_count(count, membership, newest))
    }

    /// The unread messages of a contact in the [`MAX_CONVERSATIONS`] open conversations that were active last, according
    /// to the index; at most [`MAX_UNREAD`]. One round trip, and one more for each 16 conversations with activity after
    /// what the contact has seen.
    pub(in crate::store) async fn total_unread_count(&self, contact: ContactId) -> Result<usize> {
        let memberships = self
            .memberships(
                contact,
                ConversationList::Open,
                &KeyRange::all(),
                MAX_CONVERSATIONS,
            )
            .await?;
        let active: Vec<_> = memberships.iter().filter(|it| it.has_activity()).collect();
        let mut total = 0;
        for some in active.chunks(MAX_CONCURRENT) {
            let counts = some.iter().map(|it| self.indexed_unread_count(it));
            total += join_bounded(counts.collect()).await?.iter().sum::<usize>();
            if total >= MAX_UNREAD {
                return Ok(MAX_UNREAD);
            }
        }
        Ok(total)
    }

    /// How many of the [`MAX_UNREAD`] messages after what a participant has seen are by others, according to the
    /// index. One round trip; none if there is no activity after what the participant has seen.
    pub(in crate::store) async fn indexed_unread_count(
        &self,
        membership: &Membership,
    ) -> Result<usize> {
        if !membership.has_activity() {
            return Ok(0);
        }
        let seen = membership.seen_up_to();
        let conversation = membership.conversation_id;
        let query = self
            .messages_between(conversation, Micros(seen.0 + 1), Micros::MAX)
            .index_name("by_time")
            .consistent_read(false)
            .select(Select::Count)
            .filter_expression("contact_id <> :contact")
            .expression_attribute_values(":contact", string_attr(membership.contact_id));
        let mut query = FilteredQuery::new(query, MAX_UNREAD);
        let mut count = 0;
        while let Some(page) = query.next_page().await? {
            count += page.count;
        }
        Ok(count)
    }
}

/// Corrects a count of the index, which may not have the newest message yet, or still have deleted ones.
pub fn correct_unread_count(
    count: usize,
    membership: &Membership,
    newest: Option<&MessageItem>,
) -> usize {
    let unseen = newest.filter(|newest| newest.created_at > membership.seen_up_to());
    match unseen {
        None => 0,
        Some(newest) if newest.contact_id == membership.contact_id => count,
        Some(_) => count.max(1),
    }
}
