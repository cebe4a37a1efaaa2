//! `cargo ops contact erase`

use clap::Args;
use dev::Error;
use shared::Store;
use shared::error::chain;
use shared::id::ContactId;

use super::{look_for, nobody};
use crate::confirm::Consent;
use crate::say;

#[derive(Args)]
pub struct Erase {
    /// Its username, or its id
    contact: String,
    #[command(flatten)]
    consent: Consent,
}

impl Erase {
    pub async fn run(self, store: &Store) -> Result<(), Error> {
        let (id, who) = whom(&self.contact, store).await?;
        if store.traces(id).await?.iter().all(|&(_, count)| count == 0) {
            return Err(format!("{id}: nothing is stored of a contact with this id").into());
        }
        self.consent.to(&format!("erase {who}"))?;
        let erased = store
            .erase(id, |what, count| say(&format!("{what} {count}")))
            .await;
        erased.map_err(|error| format!("{}; the same again goes on", chain(&error)))?;
        let left = store.traces(id).await?;
        let total: usize = left.iter().map(|(_, count)| count).sum();
        say(&format!("remaining {total}"));
        if total == 0 {
            return Ok(());
        }
        let left = left.into_iter().filter(|&(_, count)| count > 0);
        let left: Vec<_> = left
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        let left = left.join(", ");
        Err(format!("something came while {id} was being erased ({left}): erase it again").into())
    }
}

/// The contact that a text names, be it gone already, and a line that says who it is.
async fn whom(text: &str, store: &Store) -> Result<(ContactId, String), Error> {
    if let Some(contact) = look_for(text, store).await? {
        let name = contact.username.unwrap_or_default();
        let who = format!("{name} ({}) and everything it wrote", contact.id);
        return Ok((contact.id, who));
    }
    let id = text.parse().map_err(|_| nobody(text))?;
    let who = format!("everything that is left of {id}, who is no contact (any more)");
    Ok((id, who))
}
