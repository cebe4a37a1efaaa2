//! Changing: one conditional update, of which all happens or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::join;

use super::{REACTION, Row, check_version, key, shown};
use crate::caller::Caller;
use crate::contact::Username;
use crate::error::{Error, Invalid, Result};
use crate::id::{ContactId, MessageId};
use crate::message::{Emoji, Message, Text};
use crate::store::failure::Backoff;
use crate::store::{Store, n, s};
use crate::time::Micros;
use crate::version::Expected;

/// A message takes this many different emoji, so that its item stays far below 400 KB.
///
/// Checked against what was read before: of many new ones at once, a few more may come through.
const MAX_EMOJI: usize = 50;

/// What somebody wants changed of a message; all of it happens, or nothing.
#[derive(Debug, Default)]
pub struct Change {
    /// A new text, by the author.
    pub message: Option<Text>,
    /// For each emoji who reacts with it now: the caller, or nobody to take its reaction away.
    pub reactions: BTreeMap<Emoji, Vec<Username>>,
    /// Somebody other than the author has read it.
    pub read: bool,
    /// Which versions of the message it is meant for, if not for any.
    pub expected: Option<Expected>,
}

impl Store {
    /// Changes the message with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::MessageNotFound`], also for those who do not take part;
    /// [`Error::NotTheAuthor`], [`Error::NotYourself`] and [`Error::PreconditionFailed`], before anything
    /// is changed.
    pub async fn change(&self, caller: &Caller, id: MessageId, change: &Change) -> Result<Message> {
        let usernames = change.first_usernames();
        let mut backoff = Backoff::default();
        loop {
            let sight = self.look(caller, id, &usernames, &BTreeSet::new()).await?;
            let row = sight.row.ok_or(Error::MessageNotFound)?;
            change.check(&row, sight.contact, &sight.usernames)?;
            let now = self
                .clock
                .now()
                .max(row.updated_at.unwrap_or(row.created_at));
            // What has been done is done, in whatever version: the answer that said so may have been lost,
            // the client's or the SDK's (RFC 9110, section 13.1.1, has it so).
            let Some(update) = Update::of(change, &row, sight.contact, now) else {
                return self.show_one(row).await;
            };
            check_version(change.expected.as_ref(), &row)?;
            let people = row.people().into_iter().chain([sight.contact]).collect();
            let (updated, contacts) = join(self.update(id, update), self.contacts(&people)).await;
            match updated? {
                Ok(row) if row.people().is_subset(&people) => return Ok(shown(row, &contacts?)),
                Ok(row) => return self.show_one(row).await,
                Err(overtaken) => backoff.wait(overtaken).await?,
            }
        }
    }

    /// One conditional update; the row as it is then, or what overtook it.
    async fn update(&self, id: MessageId, update: Update) -> Result<Result<Row, UpdateItemError>> {
        let request = self
            .db
            .update_item()
            .table_name(&self.tables.messages)
            .set_key(Some(key(id)))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names).filter(|names| !names.is_empty()))
            .expression_attribute_values(":one", n(1));
        let request = update
            .values
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.expression_attribute_values(name, value)
            });
        match request.return_values(ReturnValue::AllNew).send().await {
            Ok(output) => Row::of(output.attributes.unwrap_or_default()).map(Ok),
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => Ok(Err(error.into_service_error())),
                _ => Err(error.into()),
            },
        }
    }
}

impl Row {
    fn has_reaction(&self, emoji: &Emoji, contact: ContactId) -> bool {
        self.reactions
            .get(emoji.as_str())
            .is_some_and(|contacts| contacts.contains(&contact))
    }
}

impl Change {
    /// The first two different usernames: if the first is the caller's, the second is not.
    fn first_usernames(&self) -> BTreeSet<String> {
        let mut names = self.reactions.values().flatten().map(Username::folded);
        let first = names.next();
        let second = names.find(|name| Some(name) != first.as_ref());
        first.into_iter().chain(second).collect()
    }

    /// Whether this contact may make the change.
    fn check(
        &self,
        row: &Row,
        contact: ContactId,
        usernames: &HashMap<String, ContactId>,
    ) -> Result<()> {
        if self.message.is_some() && row.contact_id != contact {
            return Err(Error::NotTheAuthor {
                param: Some("message"),
            });
        }
        for (emoji, reacting) in &self.reactions {
            if reacting
                .iter()
                .any(|username| usernames.get(&username.folded()) != Some(&contact))
            {
                return Err(Error::NotYourself {
                    param: format!("reactions[{emoji}][]"),
                });
            }
        }
        let alone = |emoji: &Emoji| {
            row.reactions
                .get(emoji.as_str())
                .is_some_and(|all| all.iter().eq([&contact]))
        };
        let (taken_away, added): (Vec<_>, Vec<_>) = self
            .reactions
            .iter()
            .partition(|(_, reacting)| reacting.is_empty());
        let freed = taken_away
            .into_iter()
            .filter(|(emoji, _)| alone(emoji))
            .count();
        let room = (MAX_EMOJI + freed).saturating_sub(row.reactions.len());
        let mut new = added
            .into_iter()
            .map(|(emoji, _)| emoji)
            .filter(|emoji| !row.reactions.contains_key(emoji.as_str()));
        if let Some(one_too_many) = new.nth(room) {
            let problem = format_args!("a message takes at most {MAX_EMOJI} different emoji");
            return Err(Invalid::value(format!("reactions[{one_too_many}][]"), problem).into());
        }
        Ok(())
    }
}

/// The parts of an update expression.
struct Update {
    set: Vec<String>,
    add: Vec<String>,
    delete: Vec<String>,
    condition: String,
    names: HashMap<String, String>,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Update {
    /// What is left to do of a change; none if the row is so already.
    fn of(change: &Change, row: &Row, contact: ContactId, now: Micros) -> Option<Self> {
        let mut update = Self {
            set: vec!["updated_at = :now".to_owned()],
            add: vec!["version :one".to_owned()],
            delete: Vec::new(),
            condition: "contact_id = :author".to_owned(),
            names: HashMap::new(),
            values: vec![(":now", n(now.0)), (":author", s(row.contact_id))],
        };
        if matches!(change.expected, Some(Expected::OneOf(_))) {
            update.condition += " AND version = :version";
            update.values.push((":version", n(row.version.0)));
        }
        let mut changes = 0;
        if let Some(text) = change
            .message
            .as_ref()
            .filter(|text| text.as_str() != row.message)
        {
            update.set.push("#message = :message".to_owned());
            update
                .names
                .insert("#message".to_owned(), "message".to_owned());
            update.values.push((":message", s(text.as_str())));
            changes += 1;
        }
        if change.read && row.read_at.is_none() && row.contact_id != contact {
            update.set.push("read_at = :now".to_owned());
            update.condition += " AND attribute_not_exists(read_at)";
            changes += 1;
        }
        let different = |(emoji, reacting): &(&Emoji, &Vec<Username>)| {
            row.has_reaction(emoji, contact) == reacting.is_empty()
        };
        for (number, (emoji, reacting)) in change.reactions.iter().filter(different).enumerate() {
            let clause = if reacting.is_empty() {
                &mut update.delete
            } else {
                &mut update.add
            };
            clause.push(format!("#reaction{number} :me"));
            update
                .names
                .insert(format!("#reaction{number}"), format!("{REACTION}{emoji}"));
            changes += 1;
        }
        if !update.delete.is_empty() || update.add.len() > 1 {
            update
                .values
                .push((":me", AttributeValue::Ss(vec![contact.to_string()])));
        }
        (changes > 0).then_some(update)
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
