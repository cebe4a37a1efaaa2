//! Updating a message: one conditional update, which is atomic.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::join;

use super::check_version;
use crate::caller::Caller;
use crate::contact::Username;
use crate::error::{AuthorOnly, Error, Result};
use crate::id::{ContactId, MessageId};
use crate::message::{Emoji, MAX_EMOJI, Message, Text};
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr, string_set_attr};
use crate::store::dynamodb::retry::Backoff;
use crate::store::items::message::{self, MessageItem, REACTION};
use crate::time::Micros;
use crate::version::Expected;

/// The changes that a request makes to a message: all or none.
#[derive(Debug, Default)]
pub struct MessageUpdate {
    /// A new text. Only the author may set it.
    pub message: Option<Text>,
    /// By emoji: the caller's username to react with it, an empty list to remove the caller's reaction.
    pub reactions: BTreeMap<Emoji, Vec<Username>>,
    /// A participant other than the author has read it.
    pub read: bool,
    /// The versions that the update applies to; without it, any.
    pub expected: Option<Expected>,
}

/// What came of a conditional update.
enum Outcome {
    Updated(MessageItem),
    /// The message changed after it was read, or a transaction is changing it.
    Conflict(UpdateItemError),
}

impl Store {
    /// Updates a message. Two round trips.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`]; [`Error::NotTheAuthor`], [`Error::NotOwnReaction`],
    /// [`Error::TooManyEmoji`] and [`Error::PreconditionFailed`], before anything is changed.
    pub async fn update_message(
        &self,
        caller: &Caller,
        id: MessageId,
        update: &MessageUpdate,
    ) -> Result<Message> {
        let usernames = update.first_usernames();
        let mut backoff = Backoff::default();
        loop {
            let context = self
                .load_message_context(caller, id, &usernames, &BTreeSet::new())
                .await?;
            let message = context.message.ok_or(Error::MessageNotFound)?;
            update.check(&message, context.caller, &context.owners)?;
            let now = self.clock.now();
            let now = now.max(message.updated_at.unwrap_or(message.created_at));
            // An update that has been made already succeeds in any version: the response to it may have
            // been lost between client and server, or between server and DynamoDB.
            // https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
            let Some(expression) = UpdateExpression::new(update, &message, context.caller, now)
            else {
                return self.render_message(message).await;
            };
            check_version(update.expected.as_ref(), &message)?;
            let mut displayed = message.displayed_contacts();
            displayed.insert(context.caller);
            let write = self.write_update(id, expression);
            let (outcome, contacts) = join(write, self.load_contacts(&displayed)).await;
            match outcome? {
                Outcome::Updated(message) => {
                    let is_loaded = message.displayed_contacts().is_subset(&displayed);
                    return if is_loaded {
                        Ok(message.render(&contacts?))
                    } else {
                        self.render_message(message).await
                    };
                }
                Outcome::Conflict(conflict) => backoff.wait(conflict).await?,
            }
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
                message.map(Outcome::Updated)
            }
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => Ok(Outcome::Conflict(error.into_service_error())),
                _ => Err(error.into()),
            },
        }
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
    condition: String,
    names: HashMap<String, String>,
    values: Vec<(&'static str, AttributeValue)>,
}

impl UpdateExpression {
    /// What an update changes; none if the message already is as requested.
    fn new(
        update: &MessageUpdate,
        message: &MessageItem,
        caller: ContactId,
        now: Micros,
    ) -> Option<Self> {
        let mut expression = Self {
            set: vec!["updated_at = :now".to_owned()],
            add: vec!["version :one".to_owned()],
            delete: Vec::new(),
            condition: "contact_id = :author".to_owned(),
            names: HashMap::new(),
            values: vec![
                (":now", number_attr(now.0)),
                (":author", string_attr(message.contact_id)),
            ],
        };
        if matches!(update.expected, Some(Expected::OneOf(_))) {
            expression.condition += " AND version = :version";
            let version = number_attr(message.version.0);
            expression.values.push((":version", version));
        }
        let changes = expression.set_text(update, message)
            + expression.set_read_at(update, message, caller)
            + expression.change_reactions(update, message, caller);
        (changes > 0).then_some(expression)
    }

    fn set_text(&mut self, update: &MessageUpdate, message: &MessageItem) -> usize {
        let text = update.message.as_ref();
        let Some(text) = text.filter(|text| text.as_str() != message.message) else {
            return 0;
        };
        self.set.push("#message = :message".to_owned());
        self.names
            .insert("#message".to_owned(), "message".to_owned());
        self.values.push((":message", string_attr(text.as_str())));
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
            self.values.push((":caller", string_set_attr([caller])));
        }
        changes
    }

    fn expression(&self) -> String {
        let clauses = [
            ("SET", &self.set),
            ("ADD", &self.add),
            ("DELETE", &self.delete),
        ];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses
            .map(|(clause, parts)| format!("{clause} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
