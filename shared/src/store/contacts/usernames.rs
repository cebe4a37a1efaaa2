//! Taking and giving up usernames, as parts of a transaction.
//!
//! A username that a contact gives up stays taken for a while: only that contact may take it back. The
//! username of an erased contact stays taken for good. A contact can keep only a few usernames taken in this way.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::contact::{MAX_RELEASED_USERNAMES, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::item::{number_attr, string_attr};
use crate::store::dynamodb::transaction::{condition_check, put_if};
use crate::store::items::contact::{UsernameItem, erased_username_key};
use crate::time::{Micros, Seconds};

impl Store {
    /// Makes a contact the owner of a username. Two items; the conditions are that nobody has it and no
    /// erased contact had it, and that who gave it up last is the contact or did so long enough ago.
    pub(in crate::store) fn take_username(
        &self,
        username: &Username,
        contact: ContactId,
    ) -> Result<[TransactWriteItem; 2]> {
        let table = &self.tables.contacts;
        let is_available = "attribute_not_exists(id) OR released_at <= :until \
                            OR (contact_id = :contact AND attribute_exists(released_at))";
        let until = self.username_rules.given_up_until(self.clock.now());
        let values = [
            (":until", number_attr(until.0)),
            (":contact", string_attr(contact)),
        ];
        let item = UsernameItem::new(username, contact);
        let key = erased_username_key(&username.folded());
        Ok([
            put_if(table, &item, is_available, &values)?,
            condition_check(table, key, "attribute_not_exists(id)", &[])?,
        ])
    }

    /// Adds a username to those that a contact gave up, and removes the one that it takes and those that are
    /// available to all by now.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyReleasedUsernames`].
    pub(in crate::store) fn release_username(
        &self,
        released: &mut BTreeMap<String, Micros>,
        old: &Username,
        new: &Username,
    ) -> Result<()> {
        let now = self.clock.now();
        let until = self.username_rules.given_up_until(now);
        let new = new.folded();
        released.retain(|username, released_at| *username != new && *released_at > until);
        if let Some(&first) = released.values().min()
            && released.len() >= MAX_RELEASED_USERNAMES
        {
            let available_at = self.username_rules.available_at(first);
            // Seconds are rounded down.
            let retry_after = available_at.0.saturating_sub(Seconds::from(now).0) + 1;
            return Err(Error::TooManyReleasedUsernames { retry_after });
        }
        released.insert(old.folded(), now);
        Ok(())
    }

    /// Gives up a username; the condition is that the contact has it.
    pub(in crate::store) fn give_up_username(
        &self,
        username: &Username,
        contact: ContactId,
    ) -> Result<TransactWriteItem> {
        let item = UsernameItem {
            released_at: Some(self.clock.now()),
            ..UsernameItem::new(username, contact)
        };
        let has_it = "contact_id = :contact AND attribute_not_exists(released_at)";
        let values = [(":contact", string_attr(contact))];
        put_if(&self.tables.contacts, &item, has_it, &values)
    }
}
