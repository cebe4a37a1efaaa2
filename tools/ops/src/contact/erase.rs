//! `cargo ops contact erase`

use clap::Args;
use local_stack::Error;
use shared::error::chain;
use shared::id::ContactId;
use shared::store::Admin;

use super::{find, not_found};
use crate::confirm::Confirmation;
use crate::print_line;

#[derive(Args)]
pub struct Erase {
    /// Username or id
    contact: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Erase {
    pub async fn run(self, admin: &Admin) -> Result<(), Error> {
        let (id, description) = resolve(&self.contact, admin).await?;
        if admin
            .count_references(id)
            .await?
            .iter()
            .all(|&(_, count)| count == 0)
        {
            return Err(format!("{id}: nothing is stored for a contact with this id").into());
        }
        self.confirmation.require(&format!("erase {description}"))?;
        let erased = admin
            .erase_contact(id, |what, count| print_line(&format!("{what} {count}")))
            .await;
        erased.map_err(|error| {
            format!("{}; run the same command again to continue", chain(&error))
        })?;
        let remaining = admin.count_references(id).await?;
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
        Err(format!(
            "items were added while {id} was being erased ({remaining}): run the same command again"
        )
        .into())
    }
}

/// Returns the id of the contact, and a description for the confirmation prompt. An id is valid even if the
/// contact no longer exists, because an interrupted run may have deleted it.
async fn resolve(text: &str, admin: &Admin) -> Result<(ContactId, String), Error> {
    if let Some(contact) = find(text, admin).await? {
        let name = contact.username.unwrap_or_default();
        let description = format!("{name} ({}) and everything it wrote", contact.id);
        return Ok((contact.id, description));
    }
    let id = text.parse().map_err(|_| not_found(text))?;
    let description = format!("all remaining items of {id}, which is not an existing contact");
    Ok((id, description))
}
