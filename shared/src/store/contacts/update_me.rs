use crate::caller::Caller;
use crate::contact::{AvatarUrl, Contact, Edit, PhoneNumber, Username};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::store::Store;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::retry::Backoff;
use crate::store::dynamodb::transaction::{Transaction, delete_if, put_new};
use crate::store::dynamodb::update::Update;
use crate::store::items::contact::{UsernameItem, key, username_key};

/// The changes that a request makes to the caller's profile.
#[derive(Debug, Default)]
pub struct ContactUpdate {
    /// A new username. It appears in earlier messages, too.
    pub username: Option<Username>,
    /// The phone number.
    pub phone_number: Edit<PhoneNumber>,
    /// The URL of the avatar.
    pub avatar_url: Edit<AvatarUrl>,
}

impl Store {
    /// Updates the caller. Three round trips: token; contact; transaction.
    ///
    /// # Errors
    ///
    /// [`Error::UsernameTaken`], before anything is changed.
    pub async fn update_me(&self, caller: &Caller, update: &ContactUpdate) -> Result<Contact> {
        const USERNAME: usize = 1;
        let contact = self.authenticate(caller).await?;
        let mut backoff = Backoff::default();
        loop {
            let mut item = self.load_own_contact(contact).await?;
            let old = Username::try_from(item.username.clone()).map_err(Error::internal)?;
            let new = update.username.clone().unwrap_or_else(|| old.clone());
            let table = &self.tables.contacts;
            let write = update.expression(table, contact, &old, &new);
            let mut items = vec![write.into_transaction_item()?];
            item.username = new.clone().into();
            item.phone_number = update.phone_number.clone().apply(item.phone_number);
            item.avatar_url = update.avatar_url.clone().apply(item.avatar_url);
            if new.folded() != old.folded() {
                items.push(put_new(table, "id", &UsernameItem::new(&new, contact))?);
                let old_key = username_key(&old.folded());
                let owner = string_attr(contact);
                items.push(delete_if(table, old_key, "contact_id", owner)?);
            }
            match self.transact_or_failed_conditions(items).await? {
                Transaction::Committed => return Ok(item.into()),
                Transaction::ConditionsFailed(failed) if failed == [USERNAME] => {
                    return Err(Error::UsernameTaken);
                }
                Transaction::ConditionsFailed(_) => {
                    backoff.wait("the contact keeps changing").await?;
                }
            }
        }
    }
}

impl ContactUpdate {
    /// The update of the contact item; the condition is that its username has not changed.
    fn expression(&self, table: &str, id: ContactId, old: &Username, new: &Username) -> Update {
        let mut set = vec!["username = :new"];
        let mut remove = Vec::new();
        let mut values = vec![(":old", string_attr(old)), (":new", string_attr(new))];
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
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        Update::new(table, key(id), &expression, "username = :old").values(values)
    }
}
