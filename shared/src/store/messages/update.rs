//! Updating a message: one conditional update, or one transaction if other items change with it: attachments, pins and
//! recorded edits. Either is atomic.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use futures_util::future::join;
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;

use super::{MessageContext, check_version};
use crate::attachment::{AttachmentIds, MAX_ATTACHMENTS};
use crate::caller::Caller;
use crate::contact::Username;
use crate::error::{AuthorOnly, Cause, Error, Result};
use crate::id::{AttachmentId, ContactId, MessageId};
use crate::message::{Emoji, MAX_EMOJI, Message, Text};
use crate::metadata::MetadataUpdate;
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, transact};
use crate::store::dynamodb::update::Update;
use crate::store::items::message::{
    self, AttachedFile, MessageItem, REACTION, attachment_attribute,
};
use crate::store::items::metadata::MetadataWrite;
use crate::time::Micros;
use crate::version::Expected;

/// The changes that a request makes to a message: all or none.
#[derive(Debug, Default)]
pub struct MessageUpdate {
    /// A new text. Only the author may set it.
    pub message: Option<Text>,
    /// By emoji: the caller's username to react with it, an empty list to remove the caller's reaction.
    pub reactions: BTreeMap<Emoji, Vec<Username>>,
    /// Attachments that it should have, besides those that it has. Only the author may add them.
    pub attachments: AttachmentIds,
    /// Changes of its metadata. Only the author may make them.
    pub metadata: MetadataUpdate,
    /// Whether it is pinned in its conversation.
    pub is_pinned: Option<bool>,
    /// A participant other than the author has read it.
    pub read: bool,
    /// The versions that the update applies to; without it, any.
    pub expected: Option<Expected>,
}

/// What came of a conditional update.
enum Outcome {
    Updated(Box<MessageItem>),
    /// It was updated together with other items, and how it is now is not known.
    UpdatedInTransaction,
    /// The message or another item changed after it was read, or a transaction is changing the message.
    Conflict(Cause),
}

impl Store {
    /// Updates a message. Two round trips, three if it is older than the recent reads. One more if other
    /// items change with it: the message as it is then. With new attachments also whether their files are uploaded.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`]; [`Error::NotAcceptingMessages`], [`Error::NotTheAuthor`], [`Error::NotOwnReaction`],
    /// [`Error::TooManyEmoji`], [`Error::TooManyPinned`], [`Error::TooManyAttachments`], [`Error::MetadataTooLarge`],
    /// [`Error::AttachmentNotFound`], [`Error::AttachmentAttached`], [`Error::AttachmentNotReady`] and
    /// [`Error::PreconditionFailed`], before anything is changed.
    pub async fn update_message(
        &self,
        caller: &Caller,
        id: MessageId,
        update: &MessageUpdate,
    ) -> Result<Message> {
        let usernames = update.first_usernames();
        let mut backoff = Backoff::default();
        loop {
            let batch = self.with_usernames(BatchGet::default(), &usernames);
            let ids = update.attachments.as_slice();
            let batch = self.with_attachments_of(batch, ids, id.conversation());
            let MessageContext {
                mut participation,
                message,
                mut items,
            } = self.load_message_context(caller, id, batch).await?;
            let mut message = message.ok_or(Error::MessageNotFound)?;
            let caller = participation.caller;
            let owners = self.take_contacts(&mut items)?.owners;
            let read_log = self.load_reads_in(&participation, &message).await?;
            read_log.apply(&mut message);
            update.check(&message, caller, &owners)?;
            let new = update.new_attachments(&message);
            let now = self.clock.now();
            let now = now.max(message.updated_at.unwrap_or(message.created_at));
            // An update that has been made already succeeds in any version: the response to it may have
            // been lost between client and server, or between server and DynamoDB.
            // https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
            let expression = UpdateExpression::new(update, &message, caller, now)?;
            let records_edit = self.records_edits && update.new_text(&message).is_some();
            let expression = if records_edit {
                expression.record_edit(&message)
            } else {
                expression
            };
            let changes = expression.has_changes || !new.is_empty();
            let pin = update.new_pin(&message);
            if changes {
                check_version(update.expected.as_ref(), &message)?;
                if update.says_something() {
                    self.check_may_write(&participation, HashMap::new()).await?;
                }
                if pin == Some(true) {
                    participation.conversation.check_may_pin_one_more()?;
                }
            }
            let place = message.next_place();
            let files = match self.files_to_attach(&mut items, &new, caller, place).await {
                // The message was read before another request attached it, the attachment after.
                Err(error @ Error::AttachmentAttached { message, .. }) if message == id => {
                    backoff.wait(error).await?;
                    continue;
                }
                files => files?,
            };
            let accepts = changes || update.read || update.says_something();
            if accepts && participation.conversation.is_pending(caller) {
                let conversation = participation.conversation;
                participation.conversation = self.accept_conversation(caller, conversation).await?;
            }
            if !changes {
                return self.render_message(message, &participation).await;
            }
            let mut needed = message.displayed_contacts();
            needed.insert(caller);
            let write = async {
                let mut others = self.written_with_message(id, &new, pin, caller)?;
                if records_edit {
                    others.push(self.record_edit(&message, now)?);
                }
                if others.is_empty() {
                    return self.write_update(id, expression).await;
                }
                let expression = if new.is_empty() {
                    expression
                } else {
                    expression.attach(&message, &files)?
                };
                self.write_update_with(id, expression, others).await
            };
            let load = self.load_displayed(HashMap::new(), &needed, [&message]);
            let (outcome, displayed) = join(write, load).await;
            let mut message = match outcome? {
                Outcome::Updated(message) => *message,
                Outcome::UpdatedInTransaction => {
                    let message = self.load_message(id).await?;
                    message.ok_or(Error::MessageNotFound)?
                }
                Outcome::Conflict(conflict) => {
                    backoff.wait(conflict).await?;
                    continue;
                }
            };
            read_log.apply(&mut message);
            let is_loaded = message.displayed_contacts().is_subset(&needed);
            return if is_loaded {
                Ok(message.render(participation.viewer(), &displayed?))
            } else {
                self.render_message(message, &participation).await
            };
        }
    }

    async fn write_update(&self, id: MessageId, update: UpdateExpression) -> Result<Outcome> {
        let request = self
            .db
            .update_item()
            .table_name(&self.tables.messages)
            .set_key(Some(message::key(id)))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names).filter(|names| !names.is_empty()))
            .expression_attribute_values(":one", number_attr(1));
        let request = update
            .values
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.expression_attribute_values(name, value)
            });
        match request.return_values(ReturnValue::AllNew).send().await {
            Ok(output) => {
                let message = MessageItem::from_item(output.attributes.unwrap_or_default());
                message.map(|message| Outcome::Updated(Box::new(message)))
            }
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => Ok(Outcome::Conflict(error.into_service_error().into())),
                _ => Err(error.into()),
            },
        }
    }

    /// What is written besides the message, in one transaction with it.
    fn written_with_message(
        &self,
        id: MessageId,
        new_attachments: &[AttachmentId],
        pin: Option<bool>,
        caller: ContactId,
    ) -> Result<Vec<TransactWriteItem>> {
        let attached = new_attachments.iter();
        let attached = attached.map(|&attachment| self.attach(attachment, id, caller));
        let listed = pin.map(|pin| {
            if pin {
                self.pin_in_conversation(id, caller)
            } else {
                self.unpin_in_conversation(id)
            }
        });
        attached.chain(listed).collect()
    }

    async fn write_update_with(
        &self,
        id: MessageId,
        update: UpdateExpression,
        others: Vec<TransactWriteItem>,
    ) -> Result<Outcome> {
        let expression = update.expression();
        let item = Update::new(
            &self.tables.messages,
            message::key(id),
            &expression,
            &update.condition,
        );
        let names = update.names.iter();
        let item = names.fold(item, |item, (name, attribute)| item.name(name, attribute));
        let values = update.values.into_iter();
        let item = values.fold(item, |item, (name, value)| item.value(&name, value));
        let mut items = vec![item.value(":one", number_attr(1)).into_transaction_item()?];
        items.extend(others);
        Ok(match transact(&self.db, items).await? {
            Transaction::Committed => Outcome::UpdatedInTransaction,
            Transaction::ConditionsFailed(_) => Outcome::Conflict(
                "the message, an attachment or the conversation has changed".into(),
            ),
        })
    }
}

impl MessageUpdate {
    /// The first two different usernames. They are enough to detect a username that is not the caller's.
    fn first_usernames(&self) -> BTreeSet<String> {
        let mut names = self.reactions.values().flatten().map(Username::folded);
        let first = names.next();
        let second = names.find(|name| Some(name) != first.as_ref());
        first.into_iter().chain(second).collect()
    }

    /// Whether it says something to the others, and does not only take something back or mark as read.
    fn says_something(&self) -> bool {
        let mut reactions = self.reactions.values();
        let has_attachments = !self.attachments.as_slice().is_empty();
        self.message.is_some()
            || !self.metadata.is_absent()
            || has_attachments
            || self.is_pinned == Some(true)
            || reactions.any(|usernames| !usernames.is_empty())
    }

    /// The text, if it is another one.
    fn new_text(&self, message: &MessageItem) -> Option<&Text> {
        let text = self.message.as_ref();
        text.filter(|text| text.as_str() != message.message)
    }

    /// Whether it is to be pinned or unpinned, if it is not yet.
    fn new_pin(&self, message: &MessageItem) -> Option<bool> {
        self.is_pinned.filter(|&pin| pin != message.is_pinned)
    }

    /// Those attachments that the message does not have yet.
    fn new_attachments(&self, message: &MessageItem) -> Vec<AttachmentId> {
        let existing = message.attachment_ids();
        let ids = self.attachments.as_slice().iter().copied();
        ids.filter(|id| !existing.contains(id)).collect()
    }

    /// Fails if the caller may not make the update.
    fn check(
        &self,
        message: &MessageItem,
        caller: ContactId,
        owners: &HashMap<String, ContactId>,
    ) -> Result<()> {
        if self.message.is_some() && message.contact_id != caller {
            return Err(Error::NotTheAuthor(AuthorOnly::Text));
        }
        if !self.attachments.as_slice().is_empty() && message.contact_id != caller {
            return Err(Error::NotTheAuthor(AuthorOnly::Attachments));
        }
        if !self.metadata.is_absent() && message.contact_id != caller {
            return Err(Error::NotTheAuthor(AuthorOnly::Metadata));
        }
        if message.attachments.len() + self.new_attachments(message).len() > MAX_ATTACHMENTS {
            return Err(Error::TooManyAttachments);
        }
        let is_callers = |username: &Username| owners.get(&username.folded()) == Some(&caller);
        for (emoji, usernames) in &self.reactions {
            if !usernames.iter().all(is_callers) {
                return Err(Error::NotOwnReaction {
                    emoji: emoji.clone(),
                });
            }
        }
        self.check_number_of_emoji(message, caller)
    }

    fn check_number_of_emoji(&self, message: &MessageItem, caller: ContactId) -> Result<()> {
        let (removed, added): (Vec<_>, Vec<_>) = self
            .reactions
            .iter()
            .partition(|(_, usernames)| usernames.is_empty());
        let is_only_reaction = |emoji: &Emoji| {
            let contacts = message.reactions.get(emoji.as_str());
            contacts.is_some_and(|contacts| contacts.iter().eq([&caller]))
        };
        let removed = removed.into_iter();
        let removed = removed.filter(|(emoji, _)| is_only_reaction(emoji)).count();
        let room = (MAX_EMOJI + removed).saturating_sub(message.reactions.len());
        let mut new = added
            .into_iter()
            .map(|(emoji, _)| emoji)
            .filter(|emoji| !message.reactions.contains_key(emoji.as_str()));
        match new.nth(room) {
            Some(emoji) => Err(Error::TooManyEmoji {
                emoji: emoji.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// The parts of an update expression.
struct UpdateExpression {
    set: Vec<String>,
    add: Vec<String>,
    delete: Vec<String>,
    remove: Vec<String>,
    condition: String,
    names: HashMap<String, String>,
    values: Vec<(String, AttributeValue)>,
    /// False if the message already is as requested, but for attachments.
    has_changes: bool,
}

impl UpdateExpression {
    /// What an update changes, but for attachments.
    fn new(
        update: &MessageUpdate,
        message: &MessageItem,
        caller: ContactId,
        now: Micros,
    ) -> Result<Self> {
        let mut expression = Self {
            set: vec!["updated_at = :now".to_owned()],
            add: vec!["version :one".to_owned()],
            delete: Vec::new(),
            remove: Vec::new(),
            condition: "contact_id = :author".to_owned(),
            names: HashMap::new(),
            values: vec![
                (":now".to_owned(), number_attr(now.0)),
                (":author".to_owned(), string_attr(message.contact_id)),
            ],
            has_changes: false,
        };
        if matches!(update.expected, Some(Expected::OneOf(_))) {
            expression.condition += " AND version = :version";
            let version = number_attr(message.version.0);
            expression.values.push((":version".to_owned(), version));
        }
        let changes = expression.set_text(update, message)
            + expression.set_metadata(update, message)?
            + expression.set_pinned(update, message)
            + expression.set_read_at(update, message, caller)
            + expression.change_reactions(update, message, caller);
        expression.has_changes = changes > 0;
        Ok(expression)
    }

    /// Adds attachments as well, if the message has the same ones still.
    fn attach(
        mut self,
        message: &MessageItem,
        files: &BTreeMap<Micros, AttachedFile>,
    ) -> Result<Self> {
        for (number, (&created_at, file)) in files.iter().enumerate() {
            let (name, value) = (
                format!("#attachment{number}"),
                format!(":attachment{number}"),
            );
            self.set.push(format!("{name} = {value}"));
            self.names.insert(name, attachment_attribute(created_at));
            let file = to_attribute_value(file).map_err(Error::internal)?;
            self.values.push((value, file));
        }
        self.add.push("attachments_version :one".to_owned());
        let (condition, values) = message.has_same_attachments();
        self.condition = format!("{} AND {condition}", self.condition);
        let values = values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        self.values.extend(values);
        Ok(self)
    }

    /// Counts an edit that is recorded, if the text is still the one that is recorded.
    fn record_edit(mut self, message: &MessageItem) -> Self {
        self.add.push("edits :one".to_owned());
        let (has_same_edits, count) = message.has_same_edits();
        self.condition = format!(
            "{} AND {has_same_edits} AND #message = :replaced",
            self.condition
        );
        let count = count.map(|(name, value)| (name.to_owned(), value));
        self.values.extend(count);
        let replaced = string_attr(&message.message);
        self.values.push((":replaced".to_owned(), replaced));
        self
    }

    fn set_text(&mut self, update: &MessageUpdate, message: &MessageItem) -> usize {
        let Some(text) = update.new_text(message) else {
            return 0;
        };
        self.set.push("#message = :message".to_owned());
        self.set.push("edited_at = :now".to_owned());
        self.names
            .insert("#message".to_owned(), "message".to_owned());
        self.values
            .push((":message".to_owned(), string_attr(text.as_str())));
        1
    }

    fn set_metadata(&mut self, update: &MessageUpdate, message: &MessageItem) -> Result<usize> {
        let after = update.metadata.apply(&message.metadata)?;
        let Some(write) = MetadataWrite::new(&message.metadata, &after)? else {
            return Ok(0);
        };
        self.set.push(write.set.to_owned());
        self.condition = format!("{} AND {}", self.condition, write.condition);
        let values = write.values.into_iter();
        self.values
            .extend(values.map(|(name, value)| (name.to_owned(), value)));
        Ok(1)
    }

    fn set_pinned(&mut self, update: &MessageUpdate, message: &MessageItem) -> usize {
        let Some(pin) = update.new_pin(message) else {
            return 0;
        };
        if pin {
            self.set.push("is_pinned = :is_pinned".to_owned());
            self.values
                .push((":is_pinned".to_owned(), AttributeValue::Bool(true)));
        } else {
            self.remove.push("is_pinned".to_owned());
        }
        self.condition = format!("{} AND {}", self.condition, message.has_same_pin());
        1
    }

    fn set_read_at(
        &mut self,
        update: &MessageUpdate,
        message: &MessageItem,
        caller: ContactId,
    ) -> usize {
        if !update.read || message.read_at.is_some() || message.contact_id == caller {
            return 0;
        }
        self.set.push("read_at = :now".to_owned());
        self.condition += " AND attribute_not_exists(read_at)";
        1
    }

    fn change_reactions(
        &mut self,
        update: &MessageUpdate,
        message: &MessageItem,
        caller: ContactId,
    ) -> usize {
        let has_reaction = |emoji: &Emoji| {
            let contacts = message.reactions.get(emoji.as_str());
            contacts.is_some_and(|contacts| contacts.contains(&caller))
        };
        let different = update
            .reactions
            .iter()
            .filter(|(emoji, usernames)| has_reaction(emoji) == usernames.is_empty());
        let mut changes = 0;
        for (index, (emoji, usernames)) in different.enumerate() {
            let clause = if usernames.is_empty() {
                &mut self.delete
            } else {
                &mut self.add
            };
            clause.push(format!("#reaction{index} :caller"));
            self.names
                .insert(format!("#reaction{index}"), format!("{REACTION}{emoji}"));
            changes += 1;
        }
        if changes > 0 {
            self.values
                .push((":caller".to_owned(), string_set_attr([caller])));
        }
        changes
    }

    fn expression(&self) -> String {
        let clauses = [
            ("SET", &self.set),
            ("ADD", &self.add),
            ("DELETE", &self.delete),
            ("REMOVE", &self.remove),
        ];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses
            .map(|(clause, parts)| format!("{clause} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
