//! Updating a conversation: its name, and the caller's own settings.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join;

use super::Participation;
use crate::caller::Caller;
use crate::conversation::{Conversation, Name};
use crate::error::{CreatorOnly, Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::metadata::{Metadata, MetadataUpdate};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr, to_attribute};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key};
use crate::store::items::membership::{self, ConversationList, LastChange, Membership};
use crate::store::items::metadata::MetadataWrite;
use crate::time::Micros;

/// The changes that a request makes to a conversation.
#[derive(Debug, Default)]
pub struct ConversationUpdate {
    /// A new name. Only the creator may set it.
    pub name: Option<Name>,
    /// Changes of its metadata. Only the creator may make them, or either in a conversation of two.
    pub metadata: MetadataUpdate,
    /// Whether the caller mutes it.
    pub is_muted: Option<bool>,
    /// Whether the caller pins it.
    pub is_pinned: Option<bool>,
    /// Whether the caller archives it.
    pub archived: Option<bool>,
    /// The caller has read this message and all before it. It accepts the conversation, too.
    pub read_up_to: Option<MessageId>,
    /// The caller accepts the conversation.
    pub accepted: bool,
}

impl Store {
    /// Updates a conversation.
    ///
    /// Four round trips: token and conversation ‖ newest message; membership; update; contacts ‖ unread count.
    /// One more to mark messages as read, however many, and sometimes another; one to name a conversation in which
    /// two are alone.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::NotTheCreator`], [`Error::ConversationPending`],
    /// [`Error::ConversationOfTwo`], [`Error::MetadataTooLarge`] and [`Error::NotAcceptingMessages`], before anything is
    /// changed.
    pub async fn update_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        update: &ConversationUpdate,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let batch = BatchGet::default();
            let read = self.load_as_participant(caller, id, batch, self.newest_message(id));
            let (participation, _, newest) = read.await?;
            update.check(&participation.conversation, participation.caller)?;
            let metadata = update
                .metadata
                .apply(&participation.conversation.metadata)?;
            if update.says_something() {
                self.check_may_write(&participation, HashMap::new()).await?;
            }
            let Participation {
                caller: contact,
                conversation,
            } = participation;
            // Accepting explicitly also completes an acceptance that was interrupted.
            let is_pending = conversation.is_pending(contact);
            let conversation = if update.accepted || is_pending && update.implies_acceptance() {
                self.accept_conversation(contact, conversation).await?
            } else {
                conversation
            };
            let newest_at = newest.as_ref().map(|newest| newest.created_at);
            let reads = join(
                self.membership(contact, id),
                self.mark_up_to(update, newest_at),
            );
            let (membership, up_to) = reads.await;
            let before = membership?.ok_or(Error::ConversationNotFound)?;
            let up_to = up_to?;
            // The log first: if the membership does not follow, the messages are still unread for the caller, who
            // will mark them again.
            let read_log = match up_to {
                Some(up_to) => self.mark_read(&conversation, contact, up_to).await?,
                None => Some(conversation.read_log.clone()),
            };
            let Some(read_log) = read_log else {
                backoff.wait("the conversation keeps changing").await?;
                continue;
            };
            let after = update.apply(before.clone(), up_to, self.clock.now());
            let shared = update.write(
                &self.tables.conversations,
                &conversation,
                contact,
                &metadata,
            )?;
            let settings = membership_update(&self.tables.memberships, &before, &after)?;
            let written = self.write_conversation_update(shared, settings);
            if written.await? {
                let name = update.name.clone().map(Into::into).or(conversation.name);
                let conversation = ConversationItem {
                    name,
                    metadata,
                    read_log,
                    ..conversation
                };
                return self.render_conversation(conversation, after, newest).await;
            }
            backoff.wait("the conversation keeps changing").await?;
        }
    }

    /// When the last message that the caller has read was sent: `read_up_to`, or the last existing one before it.
    /// So every interval of the log ends at a message, and their number is bounded.
    async fn mark_up_to(
        &self,
        update: &ConversationUpdate,
        newest_at: Option<Micros>,
    ) -> Result<Option<Micros>> {
        match (update.read_up_to, newest_at) {
            (Some(id), Some(newest_at)) if id.created_at() < newest_at => {
                let (conversation, until) = (id.conversation(), id.created_at());
                self.newest_message_until(conversation, until).await
            }
            (Some(_), newest_at) => Ok(newest_at),
            (None, _) => Ok(None),
        }
    }

    /// Writes what all participants see, and the caller's own settings. Returns false if one of them has changed.
    async fn write_conversation_update(
        &self,
        shared: Option<Update>,
        settings: Option<Update>,
    ) -> Result<bool> {
        match (shared, settings) {
            (None, None) => Ok(true),
            (None, Some(update)) | (Some(update), None) => update.send(&self.db).await,
            (Some(shared), Some(settings)) => {
                let items = [shared, settings].map(Update::into_transaction_item);
                self.transact(items.into_iter().collect::<Result<_>>()?)
                    .await
            }
        }
    }
}

impl ConversationUpdate {
    fn implies_acceptance(&self) -> bool {
        self.accepted || self.read_up_to.is_some()
    }

    /// Whether it changes what all participants see.
    fn says_something(&self) -> bool {
        self.name.is_some() || !self.metadata.is_absent()
    }

    fn check(&self, conversation: &ConversationItem, contact: ContactId) -> Result<()> {
        if self.name.is_some() && conversation.is_of_two() {
            return Err(Error::ConversationOfTwo(CreatorOnly::Name));
        }
        let needs_acceptance = self.says_something() || self.archived.is_some();
        if needs_acceptance && !self.implies_acceptance() && conversation.is_pending(contact) {
            return Err(Error::ConversationPending);
        }
        if self.name.is_some() && !conversation.can_be_named_by(contact) {
            return Err(Error::NotTheCreator(CreatorOnly::Name));
        }
        let may_set_metadata = conversation.is_of_two() || conversation.can_be_named_by(contact);
        if !self.metadata.is_absent() && !may_set_metadata {
            return Err(Error::NotTheCreator(CreatorOnly::Metadata));
        }
        Ok(())
    }

    /// The update of what all participants see; none if there is nothing to write. The conditions: the caller is a
    /// participant; a conversation that gets a name belongs to no pair; its metadata has not changed.
    fn write(
        &self,
        table: &str,
        conversation: &ConversationItem,
        contact: ContactId,
        metadata: &Metadata,
    ) -> Result<Option<Update>> {
        let mut set = Vec::new();
        let mut conditions = vec!["contains(participants, :contact)"];
        let mut values = vec![(":contact", string_attr(contact))];
        if let Some(name) = &self.name {
            set.push("#name = :name");
            conditions.push("attribute_not_exists(pair)");
            values.push((":name", string_attr(String::from(name.clone()))));
        }
        if let Some(write) = MetadataWrite::new(&conversation.metadata, metadata)? {
            set.push(write.set);
            conditions.push(write.condition);
            values.extend(write.values);
        }
        if set.is_empty() {
            return Ok(None);
        }
        let expression = format!("SET {}", set.join(", "));
        let condition = conditions.join(" AND ");
        let update = Update::new(table, key(conversation.id), &expression, &condition);
        let update = match self.name {
            Some(_) => update.name("#name", "name"),
            None => update,
        };
        Ok(Some(update.values(values)))
    }

    /// The membership with the caller's own settings updated.
    fn apply(
        &self,
        mut membership: Membership,
        read_up_to: Option<Micros>,
        now: Micros,
    ) -> Membership {
        membership.is_muted = self.is_muted.unwrap_or(membership.is_muted);
        membership.is_pinned = self.is_pinned.unwrap_or(membership.is_pinned);
        let read_up_to = read_up_to.filter(|&moment| moment > membership.marked_up_to());
        membership.read_up_to = read_up_to.or(membership.read_up_to);
        membership.opened_at = self.read_up_to.map(|_| now).or(membership.opened_at);
        if let Some(archived) = self.archived {
            let since = membership.archived_at.unwrap_or(now);
            membership.archived_at = archived.then_some(since);
            membership.position.list = if archived {
                ConversationList::Archived
            } else {
                ConversationList::Open
            };
        }
        membership
    }
}

/// The update from one state of a membership to another; none if they are equal.
///
/// Sets only the attributes that differ, so that concurrent updates of others are kept. The conditions:
/// `read_up_to` only increases, and a conversation that is archived or unarchived has not moved.
fn membership_update(
    table: &str,
    before: &Membership,
    after: &Membership,
) -> Result<Option<Update>> {
    let mut set = Vec::new();
    let mut remove = Vec::new();
    let mut condition = "attribute_exists(place)".to_owned();
    let mut values = Vec::new();
    if before.is_muted != after.is_muted {
        set.push("is_muted = :is_muted");
        values.push((":is_muted", AttributeValue::Bool(after.is_muted)));
    }
    if before.is_pinned != after.is_pinned {
        set.push("is_pinned = :is_pinned");
        values.push((":is_pinned", AttributeValue::Bool(after.is_pinned)));
    }
    if let Some(moment) = after
        .read_up_to
        .filter(|_| before.read_up_to != after.read_up_to)
    {
        set.push("read_up_to = :read_up_to");
        values.push((":read_up_to", number_attr(moment.0)));
        condition += " AND (attribute_not_exists(read_up_to) OR read_up_to < :read_up_to)";
    }
    if let Some(moment) = after
        .opened_at
        .filter(|_| before.opened_at != after.opened_at)
    {
        set.push("opened_at = :opened_at");
        values.push((":opened_at", number_attr(moment.0)));
    }
    if before.position.list != after.position.list {
        set.push("place = :new_place");
        condition += " AND place = :place";
        values.push((":place", string_attr(before.position)));
        values.push((":new_place", string_attr(after.position)));
        match after.archived_at {
            Some(moment) => {
                set.push("archived_at = :archived_at");
                values.push((":archived_at", number_attr(moment.0)));
            }
            None => remove.push("archived_at"),
        }
    }
    if set.is_empty() && remove.is_empty() {
        return Ok(None);
    }
    set.push("last_change = :settings");
    values.push((":settings", to_attribute(&LastChange::Settings)?));
    let clauses = [("SET ", set), ("REMOVE ", remove)];
    let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
    let expression: Vec<_> = clauses
        .map(|(clause, parts)| clause.to_owned() + &parts.join(", "))
        .collect();
    let key = membership::key(before.contact_id, before.conversation_id);
    let update = Update::new(table, key, &expression.join(" "), &condition);
    Ok(Some(update.values(values)))
}
