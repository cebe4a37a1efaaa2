//! Updating a conversation: its name, and the caller's own settings.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join;

use crate::caller::Caller;
use crate::conversation::{Conversation, Name};
use crate::error::{CreatorOnly, Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::update::Update;
use crate::store::items::conversation::{ConversationItem, key, visible_to};
use crate::store::items::membership::{self, Membership};
use crate::store::items::message::MessageItem;
use crate::time::Micros;

/// The changes that a request makes to a conversation.
#[derive(Debug, Default)]
pub struct ConversationUpdate {
    /// A new name. Only the creator may set it.
    pub name: Option<Name>,
    /// Whether the caller mutes it.
    pub is_muted: Option<bool>,
    /// Whether the caller pins it.
    pub is_pinned: Option<bool>,
    /// Whether the caller archives it.
    pub archived: Option<bool>,
    /// The caller has read this message and all before it.
    pub read_up_to: Option<MessageId>,
}

impl Store {
    /// Updates a conversation.
    ///
    /// Marks at most 1,000 messages as read, the oldest first; the unread count says whether there are
    /// more. Four round trips: token and conversation ‖ newest message; membership; update; contacts ‖
    /// unread count. Two more to mark messages as read.
    ///
    /// # Errors
    ///
    /// [`Error::ConversationNotFound`]; [`Error::NotTheCreator`], before anything is changed.
    pub async fn update_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        update: &ConversationUpdate,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let reads = join(
                self.load_caller_and_conversation(caller, id),
                self.newest_message(id),
            );
            let (read, newest) = reads.await;
            let (contact, conversation) = read?;
            let conversation =
                visible_to(contact, conversation).ok_or(Error::ConversationNotFound)?;
            if update.name.is_some() && !conversation.can_be_named_by(contact) {
                return Err(Error::NotTheCreator(CreatorOnly::Name));
            }
            let newest = newest?;
            let membership = self.membership(contact, id).await?;
            let before = membership.ok_or(Error::ConversationNotFound)?;
            let newest_at = newest.as_ref().map(|newest| newest.created_at);
            let marked = self.mark_up_to(update, &before, newest_at).await?;
            let after = update.apply(before.clone(), marked, self.clock.now());
            let writes = join(
                self.write_conversation_update(update, &conversation, &before, &after),
                self.reload_if_marked(id, newest, marked),
            );
            let (written, newest) = writes.await;
            if written? {
                let name = update.name.clone().map(Into::into).or(conversation.name);
                let conversation = ConversationItem {
                    name,
                    ..conversation
                };
                return self.render_conversation(conversation, after, newest?).await;
            }
            backoff.wait("the conversation keeps changing").await?;
        }
    }

    /// Marks messages as read up to `read_up_to`. Returns the moment up to which they are marked, if there
    /// were any to mark.
    async fn mark_up_to(
        &self,
        update: &ConversationUpdate,
        membership: &Membership,
        newest_at: Option<Micros>,
    ) -> Result<Option<Micros>> {
        let marked = membership.marked_up_to();
        let up_to = update.read_up_to.zip(newest_at);
        let up_to = up_to.map(|(id, newest_at)| id.created_at().min(newest_at));
        match up_to.filter(|&moment| moment > marked) {
            Some(moment) => {
                let (id, contact) = (membership.conversation_id, membership.contact_id);
                self.mark_read(id, marked, moment, contact).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// The newest message, which may just have been marked as read.
    async fn reload_if_marked(
        &self,
        id: ConversationId,
        newest: Option<MessageItem>,
        marked: Option<Micros>,
    ) -> Result<Option<MessageItem>> {
        match marked {
            Some(_) => self.newest_message(id).await,
            None => Ok(newest),
        }
    }

    /// Returns false if the conversation or the membership has changed.
    async fn write_conversation_update(
        &self,
        update: &ConversationUpdate,
        conversation: &ConversationItem,
        before: &Membership,
        after: &Membership,
    ) -> Result<bool> {
        let settings = membership_update(&self.tables.memberships, before, after);
        let Some(name) = &update.name else {
            return match settings {
                Some(update) => update.send(&self.db).await,
                None => Ok(true),
            };
        };
        let table = &self.tables.conversations;
        let key = key(conversation.id);
        let rename = match &conversation.pair {
            None => Update::new(
                table,
                key,
                "SET #name = :name",
                "contains(participants, :contact) AND attribute_not_exists(pair)",
            ),
            Some(pair) => Update::new(
                table,
                key,
                "SET #name = :name REMOVE pair",
                "contains(participants, :contact) AND pair = :pair",
            )
            .value(":pair", string_attr(pair)),
        };
        let rename = rename
            .name("#name", "name")
            .value(":name", string_attr(String::from(name.clone())))
            .value(":contact", string_attr(before.contact_id));
        let mut items = vec![rename.into_transaction_item()?];
        if let Some(settings) = settings {
            items.push(settings.into_transaction_item()?);
        }
        items.extend(self.delete_pair(conversation)?);
        self.transact(items).await
    }
}

impl ConversationUpdate {
    /// The membership with the caller's own settings updated.
    fn apply(
        &self,
        mut membership: Membership,
        read_up_to: Option<Micros>,
        now: Micros,
    ) -> Membership {
        membership.is_muted = self.is_muted.unwrap_or(membership.is_muted);
        membership.is_pinned = self.is_pinned.unwrap_or(membership.is_pinned);
        membership.read_up_to = read_up_to.or(membership.read_up_to);
        membership.opened_at = self.read_up_to.map(|_| now).or(membership.opened_at);
        if let Some(archived) = self.archived {
            let since = membership.archived_at.unwrap_or(now);
            membership.archived_at = archived.then_some(since);
            membership.position.archived = archived;
        }
        membership
    }
}

/// The update from one state of a membership to another; none if they are equal.
///
/// Sets only the attributes that differ, so that concurrent updates of others are kept. The conditions:
/// `read_up_to` only increases, and a conversation that is archived or unarchived has not moved.
fn membership_update(table: &str, before: &Membership, after: &Membership) -> Option<Update> {
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
    if before.position.archived != after.position.archived {
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
    let clauses = [("SET ", set), ("REMOVE ", remove)];
    let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
    let expression: Vec<_> = clauses
        .map(|(clause, parts)| clause.to_owned() + &parts.join(", "))
        .collect();
    if expression.is_empty() {
        return None;
    }
    let key = membership::key(before.contact_id, before.conversation_id);
    let update = Update::new(table, key, &expression.join(" "), &condition);
    Some(update.values(values))
}
