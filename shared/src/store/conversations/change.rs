//! Changing what a conversation is called, and what of it is the caller's own.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join;

use super::{Row, key, visible};
use crate::caller::Caller;
use crate::conversation::{Conversation, Name};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::store::failure::Backoff;
use crate::store::memberships;
use crate::store::write::Update;
use crate::store::{Store, messages, n, s};
use crate::time::Micros;

/// What somebody wants changed of a conversation.
#[derive(Debug, Default)]
pub struct ChangeOfConversation {
    /// A new name, by its creator.
    pub name: Option<Name>,
    /// Whether the caller wants no notice of new messages.
    pub is_muted: Option<bool>,
    /// Whether the caller wants to see it first.
    pub is_pinned: Option<bool>,
    /// Whether the caller puts it aside.
    pub archived: Option<bool>,
    /// The caller has read this message of the conversation and all before it.
    pub read_up_to: Option<MessageId>,
}

impl Store {
    /// Changes the conversation with this id.
    ///
    /// Marking as read goes a thousand messages at a time, the oldest first; the unread count tells
    /// whether there are more.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::ConversationNotFound`], also for those who do not take part;
    /// [`Error::NotTheCreator`], before anything is changed.
    pub async fn change_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        change: &ChangeOfConversation,
    ) -> Result<Conversation> {
        let mut backoff = Backoff::default();
        loop {
            let reads = join(self.caller_and_row(caller, id), self.newest_message(id));
            let (read, newest) = reads.await;
            let (contact, row) = read?;
            let row = visible(row, contact).ok_or(Error::ConversationNotFound { param: "id" })?;
            if change.name.is_some() && !row.is_named_by(contact) {
                return Err(Error::NotTheCreator {
                    param: Some("name"),
                });
            }
            let newest = newest?;
            let membership = self.membership(contact, id).await?;
            let before = membership.ok_or(Error::ConversationNotFound { param: "id" })?;
            let latest = newest.as_ref().map(|newest| newest.id().created_at());
            let marked = self.mark(change, &before, latest).await?;
            let after = change.applied(before.clone(), marked, self.clock.now());
            let writes = join(
                self.keep_change(change, &row, &before, &after),
                self.newest_if_marked(id, newest, marked),
            );
            let (kept, newest) = writes.await;
            if kept? {
                let name = change.name.clone().map(Into::into).or(row.name);
                let row = Row { name, ..row };
                return self.show_conversation(row, after, newest?).await;
            }
            backoff.wait("the conversation keeps changing").await?;
        }
    }

    /// Marks messages as read, as far as they are there; up to which moment, if there were any.
    async fn mark(
        &self,
        change: &ChangeOfConversation,
        membership: &memberships::Row,
        newest: Option<Micros>,
    ) -> Result<Option<Micros>> {
        let marked = membership.marked_up_to();
        let up_to = change.read_up_to.zip(newest);
        let up_to = up_to.map(|(id, newest)| id.created_at().min(newest));
        match up_to.filter(|&moment| moment > marked) {
            Some(moment) => {
                let (id, contact) = (membership.conversation_id, membership.contact_id);
                self.mark_read(id, marked, moment, contact).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// The newest message, which may just have been marked as read.
    async fn newest_if_marked(
        &self,
        id: ConversationId,
        newest: Option<messages::Row>,
        marked: Option<Micros>,
    ) -> Result<Option<messages::Row>> {
        match marked {
            Some(_) => self.newest_message(id).await,
            None => Ok(newest),
        }
    }

    /// Writes a change; whether nothing came between.
    async fn keep_change(
        &self,
        change: &ChangeOfConversation,
        row: &Row,
        before: &memberships::Row,
        after: &memberships::Row,
    ) -> Result<bool> {
        let own = difference(&self.tables.memberships, before, after);
        let Some(name) = &change.name else {
            return match own {
                Some(update) => update.send(&self.db).await,
                None => Ok(true),
            };
        };
        let table = &self.tables.conversations;
        let rename = match &row.pair {
            None => Update::new(
                table,
                key(row.id),
                "SET #name = :name",
                "contains(participants, :contact) AND attribute_not_exists(pair)",
            ),
            Some(pair) => Update::new(
                table,
                key(row.id),
                "SET #name = :name REMOVE pair",
                "contains(participants, :contact) AND pair = :pair",
            )
            .with(":pair", s(pair)),
        };
        let rename = rename
            .naming("#name", "name")
            .with(":name", s(String::from(name.clone())))
            .with(":contact", s(before.contact_id));
        let mut items = vec![rename.into_part()?];
        if let Some(own) = own {
            items.push(own.into_part()?);
        }
        items.extend(self.unpair(row)?);
        Ok(self.transact(items).await?.is_empty())
    }
}

impl ChangeOfConversation {
    /// The membership with the participant's own part of the change.
    fn applied(
        &self,
        mut membership: memberships::Row,
        read_up_to: Option<Micros>,
        now: Micros,
    ) -> memberships::Row {
        membership.is_muted = self.is_muted.unwrap_or(membership.is_muted);
        membership.is_pinned = self.is_pinned.unwrap_or(membership.is_pinned);
        membership.read_up_to = read_up_to.or(membership.read_up_to);
        membership.opened_at = self.read_up_to.map(|_| now).or(membership.opened_at);
        if let Some(archived) = self.archived {
            let since = membership.archived_at.unwrap_or(now);
            membership.archived_at = archived.then_some(since);
            membership.place.archived = archived;
        }
        membership
    }
}

/// Makes of a membership what it is after a change, if no more has been read meanwhile and, where it is
/// archived or brought back, it has not moved; none if it is so already. What does not change is left to others who change it.
fn difference(table: &str, before: &memberships::Row, after: &memberships::Row) -> Option<Update> {
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
        values.push((":read_up_to", n(moment.0)));
        condition += " AND (attribute_not_exists(read_up_to) OR read_up_to < :read_up_to)";
    }
    if let Some(moment) = after
        .opened_at
        .filter(|_| before.opened_at != after.opened_at)
    {
        set.push("opened_at = :opened_at");
        values.push((":opened_at", n(moment.0)));
    }
    if before.place.archived != after.place.archived {
        set.push("place = :new_place");
        condition += " AND place = :place";
        values.push((":place", s(before.place)));
        values.push((":new_place", s(after.place)));
        match after.archived_at {
            Some(moment) => {
                set.push("archived_at = :archived_at");
                values.push((":archived_at", n(moment.0)));
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
    let key = memberships::key(before.contact_id, before.conversation_id);
    let update = Update::new(table, key, &expression.join(" "), &condition);
    Some(
        values
            .into_iter()
            .fold(update, |update, (name, value)| update.with(name, value)),
    )
}
