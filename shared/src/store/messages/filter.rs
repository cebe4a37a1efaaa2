//! Lists of those messages of a conversation that match a filter.

use std::collections::HashMap;

use futures_util::future::ready;

use super::id_from;
use super::pinned::pinned_in;
use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Invalid, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::Message;
use crate::page::{Direction, Limit, Page, Window};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::query::FilteredQuery;
use crate::store::items::message::{self, MessageItem};
use crate::store::viewer::Viewer;

/// The most entries of the index that one request examines: about 380 KB, 47 read units.
const MAX_EXAMINED: usize = 5_000;

/// The most of them that it examines at once.
const MAX_STEP: usize = 1_000;

/// Which messages of a conversation a list contains.
#[derive(Clone, Debug)]
pub enum MessageFilter {
    /// Those that are pinned.
    Pinned,
    /// Those that a contact has sent.
    SentBy(ContactRef),
}

/// Messages that match a filter, in the direction of the window: one more than its limit if there are more.
#[derive(Default)]
pub(super) struct Candidates {
    ids: Vec<MessageId>,
    /// The last message that was examined, if more may follow.
    examined_to: Option<MessageId>,
}

impl Candidates {
    /// The first ones, given all messages that match.
    pub(super) fn first_of(mut ids: Vec<MessageId>, limit: Limit) -> Self {
        let has_more = ids.len() > limit.get() + 1;
        ids.truncate(limit.get() + 1);
        Self {
            examined_to: ids.last().copied().filter(|_| has_more),
            ids,
        }
    }
}

impl Store {
    /// Returns a page of those messages of a conversation that match the filter. Three round trips: token and
    /// conversation; messages; contacts and quoted messages ‖ older reads. For the messages of a contact, at most seven
    /// more, which examine more messages each, and one for an external id.
    /// For a moderator two more, of which one is the audit trail.
    ///
    /// A page of a contact's messages examines at most 5,000 messages: it may be short or empty although there are
    /// more. It reads the index, which may lack the newest messages for a moment.
    ///
    /// # Errors
    ///
    /// As [`Store::list_messages`]; [`Invalid::Value`] if a contact names another by an external id.
    pub async fn list_filtered_messages(
        &self,
        caller: &Caller,
        id: ConversationId,
        filter: &MessageFilter,
        window: &Window,
    ) -> Result<Page<Message>> {
        let read = self.load_as_participant(caller, id, BatchGet::default(), ready(Ok(())));
        let (reader, conversation) = match read.await {
            Ok((participation, ..)) => (Some(participation.caller), participation.conversation),
            Err(Error::ContactRequired) => (None, self.load_as_moderator(caller, id).await?),
            Err(error) => return Err(error),
        };
        let viewer = Viewer::new(reader, &conversation);
        let mut author = None;
        let candidates = match filter {
            MessageFilter::Pinned => pinned_in(&conversation, window),
            MessageFilter::SentBy(ContactRef::External(_)) if !caller.is_server() => {
                let problem = "must be the id of a contact: external ids are for server keys";
                return Err(Invalid::value("contact_id", problem).into());
            }
            MessageFilter::SentBy(contact) => {
                author = self.resolve(caller, contact).await?;
                match author {
                    Some(author) => self.sent_by(author, id, window).await?,
                    None => Candidates::default(),
                }
            }
        };
        let keys = candidates.ids.iter().map(|&id| message::key(id));
        let batch = BatchGet::default().keys(&self.tables.messages, keys);
        let mut found = self.take_messages(&mut batch.send(&self.db).await?)?;
        // Without those that have been deleted or unpinned meanwhile.
        let still_matches = |message: &MessageItem| match author {
            Some(author) => message.contact_id == author,
            None => message.is_pinned,
        };
        let found = candidates.ids.iter().filter_map(|id| found.remove(id));
        let messages: Vec<_> = found.filter(still_matches).collect();
        let page = Page::of_filtered(
            messages,
            window.limit,
            window.direction(),
            MessageItem::max_json_len,
            candidates.examined_to,
        );
        self.render_page(page, HashMap::new(), &conversation, viewer)
            .await
    }

    /// The messages of a contact, by the index. At most seven round trips.
    async fn sent_by(
        &self,
        contact: ContactId,
        conversation: ConversationId,
        window: &Window,
    ) -> Result<Candidates> {
        let Some((first, last)) = window.moments() else {
            return Ok(Candidates::default());
        };
        let query = self
            .messages_between(conversation, first, last)
            .index_name("by_time")
            .consistent_read(false)
            .scan_index_forward(window.direction() == Direction::Newer)
            .projection_expression("created_at")
            .filter_expression("contact_id = :contact")
            .expression_attribute_values(":contact", string_attr(contact));
        let id_of = |item| id_from(conversation, item);
        let wanted = window.limit.get() + 1;
        // If the contact sent one of eight, the first step suffices.
        let first = (wanted * 8).min(MAX_STEP);
        let query = FilteredQuery::new(query, MAX_EXAMINED).with_growing_pages(first, MAX_STEP);
        let (found, examined_to) = query.first(wanted).await?;
        let ids = found.into_iter().map(id_of);
        Ok(Candidates {
            ids: ids.collect::<Result<_>>()?,
            examined_to: examined_to.map(id_of).transpose()?,
        })
    }
}
