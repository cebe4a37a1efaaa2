use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::caller::Caller;
use crate::contact::{AvatarUrl, Contact, ContactRef, Edit, ExternalId, PhoneNumber, Username};
use crate::error::{Error, Result};
use crate::key::Scope;
use crate::metadata::MetadataUpdate;
use crate::store::Store;
use crate::store::cleanup::Progress;
use crate::store::dynamodb::item::{number_attr, string_attr, to_attribute};
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, delete_if, put_new, transact};
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::{ContactItem, ExternalIdItem, external_id_key, key};
use crate::store::items::metadata::MetadataWrite;
use crate::time::Micros;

/// The changes to a contact.
#[derive(Debug, Default)]
pub struct ContactUpdate {
    /// A new username. It appears in earlier messages, too.
    pub username: Option<Username>,
    /// The phone number.
    pub phone_number: Edit<PhoneNumber>,
    /// The URL of the avatar.
    pub avatar_url: Edit<AvatarUrl>,
    /// Its id in the operator's system.
    pub external_id: Edit<ExternalId>,
    /// Whether it is suspended, and can have no tokens.
    pub suspended: Option<bool>,
    /// Its metadata. Only the operator's server may set it.
    pub metadata: MetadataUpdate,
}

/// What came of updating a contact.
#[derive(Debug)]
pub enum UpdatedContact {
    /// The contact has been updated.
    Finished(Contact),
    /// The contact has been suspended, and some of its tokens are still to be revoked.
    Unfinished,
}

impl Store {
    /// Updates a contact. Suspending revokes its tokens. Four round trips: key; contact; audit trail; transaction; one more for an
    /// external id; when suspending, as many as [`Store::revoke_contact_tokens`] more.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ContactNotFound`]; [`Error::ExternalIdTaken`];
    /// [`Error::MetadataTooLarge`], and as
    /// [`Store::update_me`], except that it may be a reserved username. Nothing is changed then.
    pub async fn update_contact(
        &self,
        caller: &Caller,
        contact: &ContactRef,
        update: &ContactUpdate,
    ) -> Result<UpdatedContact> {
        self.authenticate_key(caller, Scope::Contacts).await?;
        let contact = self.managed_contact(contact).await?;
        let suspension = update.suspended.map(|is_suspended| {
            let change = if is_suspended {
                "suspended"
            } else {
                "reinstated"
            };
            change.to_owned()
        });
        self.audit_with_detail(caller, contact.id, suspension)
            .await?;
        let check = |username: &Username| {
            let is_like_id = username.is_like_id();
            (!is_like_id).then_some(()).ok_or(Error::UsernameLikeId)
        };
        let contact = self.write_contact_update(contact, update, check).await?;
        if update.suspended == Some(true)
            && self.revoke_all_but(contact.id, None).await? == Progress::Unfinished
        {
            return Ok(UpdatedContact::Unfinished);
        }
        Ok(UpdatedContact::Finished(contact.shown_to_operator()))
    }

    /// Writes an update of a contact, again as long as it changes meanwhile. The old username stays taken for a
    /// while. One transaction. `check` fails if it may not have a new username.
    pub(super) async fn write_contact_update(
        &self,
        mut item: ContactItem,
        update: &ContactUpdate,
        check: impl Fn(&Username) -> Result<()>,
    ) -> Result<ContactItem> {
        const CONTACT: usize = 0;
        let mut backoff = Backoff::default();
        loop {
            let old = Username::try_from(item.username.clone()).map_err(Error::internal)?;
            let new = update.username.clone().unwrap_or_else(|| old.clone());
            let table = &self.tables.contacts;
            let mut released = item.released_usernames.clone();
            let mut unique = Vec::new();
            if new.folded() != old.folded() {
                check(&new)?;
                self.release_username(&mut released, &old, &new)?;
                unique.push((self.give_up_username(&old, item.id)?, None));
                let taking = self.take_username(&new, item.id)?.into_iter();
                unique.extend(taking.map(|item| (item, Some(Error::UsernameTaken))));
            }
            let now = self.clock.now();
            let after = update.apply(item.clone(), new.clone(), now)?;
            unique.extend(self.replace_external_id(&item, &after)?);
            let write = update.expression(table, &item, &after, &released, now)?;
            let (items, mut taken): (Vec<_>, Vec<_>) = unique.into_iter().unzip();
            let mut all = vec![write.into_transaction_item()?];
            all.extend(items);
            let keeps_external_id = item.external_id == after.external_id;
            let outcome = if keeps_external_id && item.suspended_at != after.suspended_at {
                self.transact_suspension(&after, all).await?
            } else {
                transact(&self.db, all).await?
            };
            match outcome {
                Transaction::Committed => return Ok(after),
                Transaction::ConditionsFailed(failed) => {
                    let mut others = failed.iter().filter_map(|index| index.checked_sub(1));
                    let error = others.find_map(|index| taken[index].take());
                    match error {
                        Some(error) if !failed.contains(&CONTACT) => return Err(error),
                        _ => backoff.wait("the contact keeps changing").await?,
                    }
                }
            }
            let current = self.load_contact_item(item.id).await?;
            item = current.ok_or(Error::ContactNotFound)?;
        }
    }

    /// The parts of a transaction that change the external id of a contact, each with the error if its condition fails.
    fn replace_external_id(
        &self,
        before: &ContactItem,
        after: &ContactItem,
    ) -> Result<Vec<(TransactWriteItem, Option<Error>)>> {
        let table = &self.tables.contacts;
        let mut items = Vec::new();
        if before.external_id == after.external_id {
            return Ok(items);
        }
        if let Some(old) = &before.external_id {
            let owner = string_attr(before.id);
            let delete = delete_if(table, external_id_key(old), "contact_id", owner)?;
            items.push((delete, None));
        }
        if let Some(new) = &after.external_id {
            let item = ExternalIdItem {
                suspended_at: after.suspended_at,
                ..ExternalIdItem::new(new, after.id)
            };
            let put = put_new(table, "id", &item)?;
            items.push((put, Some(Error::ExternalIdTaken)));
        }
        Ok(items)
    }
}

impl ContactUpdate {
    /// The contact after the update.
    fn apply(&self, before: ContactItem, username: Username, now: Micros) -> Result<ContactItem> {
        Ok(ContactItem {
            username: username.into(),
            phone_number: self.phone_number.clone().apply(before.phone_number),
            avatar_url: self.avatar_url.clone().apply(before.avatar_url),
            metadata: self.metadata.apply(&before.metadata)?,
            external_id: self.external_id.clone().apply(before.external_id),
            suspended_at: match self.suspended {
                None => before.suspended_at,
                Some(true) => before.suspended_at.or(Some(now)),
                Some(false) => None,
            },
            ..before
        })
    }

    /// The update of the contact item; the conditions are that its username and those that it gave up have not
    /// changed, nor its metadata, nor its external id and whether it is suspended, if it changes one of these.
    fn expression(
        &self,
        table: &str,
        before: &ContactItem,
        after: &ContactItem,
        released: &BTreeMap<String, Micros>,
        now: Micros,
    ) -> Result<Update> {
        let mut set = vec!["username = :new"];
        let mut remove = Vec::new();
        let mut condition = "username = :old".to_owned();
        let mut values = vec![
            (":old", string_attr(&before.username)),
            (":new", string_attr(&after.username)),
        ];
        if *released != before.released_usernames {
            set.push("released_usernames = :released");
            values.push((":released", to_attribute(released)?));
            if before.released_usernames.is_empty() {
                condition += " AND attribute_not_exists(released_usernames)";
            } else {
                condition += " AND released_usernames = :released_before";
                let before = to_attribute(&before.released_usernames)?;
                values.push((":released_before", before));
            }
        }
        match &self.phone_number {
            Edit::Keep => {}
            Edit::Clear => remove.push("phone_number"),
            Edit::Set(number) => {
                set.push("phone_number = :phone_number");
                values.push((":phone_number", string_attr(String::from(number.clone()))));
            }
        }
        match &self.avatar_url {
            Edit::Keep => {}
            Edit::Clear => remove.push("avatar_url"),
            Edit::Set(url) => {
                set.push("avatar_url = :avatar_url");
                values.push((":avatar_url", string_attr(String::from(url.clone()))));
            }
        }
        if let Some(write) = MetadataWrite::new(&before.metadata, &after.metadata)? {
            set.push(write.set);
            condition = format!("{condition} AND {}", write.condition);
            values.extend(write.values);
        }
        if self.suspended.is_some() || !matches!(self.external_id, Edit::Keep) {
            match &before.suspended_at {
                None => condition += " AND attribute_not_exists(suspended_at)",
                Some(before) => {
                    condition += " AND suspended_at = :suspended_before";
                    values.push((":suspended_before", number_attr(before.0)));
                }
            }
            match &before.external_id {
                None => condition += " AND attribute_not_exists(external_id)",
                Some(before) => {
                    condition += " AND external_id = :external_id_before";
                    values.push((":external_id_before", string_attr(before)));
                }
            }
        }
        match &self.external_id {
            Edit::Keep => {}
            Edit::Clear => remove.push("external_id"),
            Edit::Set(external_id) => {
                set.push("external_id = :external_id");
                values.push((":external_id", string_attr(external_id)));
            }
        }
        match self.suspended {
            None => {}
            Some(false) => remove.push("suspended_at"),
            Some(true) => {
                set.push("suspended_at = if_not_exists(suspended_at, :now)");
                values.push((":now", number_attr(now.0)));
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        let key = key(before.id);
        Ok(Update::new(table, key, &expression, &condition).values(values))
    }
}
