//! `cargo ops contact erase`

use clap::Args;
use local_stack::Error;
use shared::error::chain;
use shared::id::ContactId;
use shared::store::Admin;

use super::{find, not_found};
use crate::confirm::Confirmation;
use crate::print_line;
use crate::target::Target;

/// How long point-in-time recovery keeps what is deleted.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html>
const RECOVERY_DAYS: u32 = 35;

#[derive(Args)]
pub struct Erase {
    /// Username or id
    contact: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Erase {
    /// Says before and after what backups keep, if the stack is deployed: a data file has none.
    pub async fn run(self, target: &Target) -> Result<(), Error> {
        let admin = &target.admin;
        let (id, description) = resolve(&self.contact, admin).await?;
        if target.is_deployed {
            eprintln!(
                "note: backups are not erased: point-in-time recovery can restore the data for {RECOVERY_DAYS} days, \
                 an on-demand backup until you delete it"
            );
        }
        self.confirmation
            .require(&format!("erase {description}"), target)?;
        let erased = admin.erase_contact(id).await.map_err(|error| {
            format!("{}; run the same command again to continue", chain(&error))
        })?;
        if erased.is_empty() {
            return Err(format!("{id}: nothing is stored for a contact with this id").into());
        }
        for (kind, count) in erased.counts() {
            print_line(&format!("{} {count}", kind.replace('_', " ")));
        }
        // The last pass has found nothing.
        print_line("remaining 0");
        if target.is_deployed {
            eprintln!(
                "note: for {RECOVERY_DAYS} days, point-in-time recovery still holds the data: \
                 if you restore tables to before now, erase {id} again"
            );
        }
        Ok(())
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
