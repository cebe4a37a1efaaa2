//! `cargo ops contact erase`

use clap::Args;
use dev::Error;
use shared::Store;
use shared::error::chain;
use shared::id::ContactId;

use super::{find, not_found};
use crate::confirm::Confirmation;
use crate::print_line;

#[derive(Args)]
pub struct Erase {
    /// Its username, or its id
    contact: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Erase {
    pub async fn run(self, store: &Store) -> Result<(), Error> {
        let (id, description) = resolve(&self.contact, store).await?;
        if store.traces(id).await?.iter().all(|&(_, count)| count == 0) {
            return Err(format!("{id}: nothing is stored of a contact with this id").into());
        }
        self.confirmation.require(&format!("erase {description}"))?;
        let erased = store
            .erase(id, |what, count| print_line(&format!("{what} {count}")))
            .await;
        erased.map_err(|error| format!("{}; the same again goes on", chain(&error)))?;
        let remaining = store.traces(id).await?;
        let total: usize = remaining.iter().map(|(_, count)| count).sum();
        print_line(&format!("remaining {total}"));
        if total == 0 {
            return Ok(());
        }
        let remaining = remaining.into_iter().filter(|&(_, count)| count > 0);
        let remaining: Vec<_> = remaining
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        let remaining = remaining.join(", ");
        Err(
            format!("something came while {id} was being erased ({remaining}): erase it again")
                .into(),
        )
    }
}

/// The contact that a text names, be it gone already, and a line that says who it is.
async fn resolve(text: &str, store: &Store) -> Result<(ContactId, String), Error> {
    if let Some(contact) = find(text, store).await? {
        let name = contact.username.unwrap_or_default();
        let description = format!("{name} ({}) and everything it wrote", contact.id);
        return Ok((contact.id, description));
    }
    let id = text.parse().map_err(|_| not_found(text))?;
    let description = format!("everything that is left of {id}, who is no contact (any more)");
    Ok((id, description))
}
