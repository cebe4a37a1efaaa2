//! `cargo ops username …`

use clap::{Args, Subcommand};
use local_stack::Error;
use serde_json::{Value, json};
use shared::contact::Username;
use shared::store::UsernameStatus;

use crate::confirm::Confirmation;
use crate::contact::parse;
use crate::format::Format;
use crate::target::Target;
use crate::timestamp;

#[derive(Subcommand)]
pub enum Command {
    /// Show whether a username is free, and who has it or has given it up
    Show {
        /// Username, in any case
        username: String,
        #[command(flatten)]
        format: Format,
    },
    /// Free a username that a contact has given up, or that an erased contact had
    ///
    /// Anyone may then take it, and is meant from then on where others mention it.
    Free(Free),
}

#[derive(Args)]
pub struct Free {
    /// Username, in any case
    username: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(command: Command, target: &Target) -> Result<(), Error> {
    match command {
        Command::Show { username, format } => {
            let status = target.admin.username_status(&parse(&username)?).await?;
            format.print(|| object(&status), || describe(&status));
            Ok(())
        }
        Command::Free(free) => free.run(target).await,
    }
}

impl Free {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let admin = &target.admin;
        let text = &self.username;
        let username: Username = parse(text)?;
        let status = admin.username_status(&username).await?;
        if matches!(status, UsernameStatus::Free | UsernameStatus::Taken(_)) {
            return Err(format!("{text} is {}", describe(&status)).into());
        }
        let action = format!("free {text}, which is {}", describe(&status));
        self.confirmation.require(&action, target)?;
        if admin.free_username(&username).await? {
            Ok(())
        } else {
            Err(format!("{text} has just been taken").into())
        }
    }
}

fn object(status: &UsernameStatus) -> Value {
    let (status, contact_id, available_at) = match status {
        UsernameStatus::Free => ("free", None, None),
        UsernameStatus::Taken(contact) => ("taken", Some(contact), None),
        UsernameStatus::GivenUp { by, available_at } => ("given_up", Some(by), Some(available_at)),
        UsernameStatus::Erased => ("erased", None, None),
    };
    json!({"status": status, "contact_id": contact_id, "available_at": available_at})
}

/// What a username is.
pub fn describe(status: &UsernameStatus) -> String {
    match status {
        UsernameStatus::Free => "free".to_owned(),
        UsernameStatus::Taken(contact) => format!("taken by {contact}"),
        UsernameStatus::GivenUp { by, available_at } => {
            let available_at = timestamp(*available_at);
            format!("given up by {by}, free for others from {available_at}")
        }
        UsernameStatus::Erased => "taken for good: its contact was erased".to_owned(),
    }
}
