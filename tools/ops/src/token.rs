//! `cargo ops token …`

use clap::{Args, Subcommand};
use local_stack::Error;
use shared::store::Admin;
use shared::time::{Clock, Seconds};
use shared::token::{Label, Lifetime, Token};

use crate::confirm::Confirmation;
use crate::contact::{get, parse};
use crate::print_line;

#[derive(Subcommand)]
pub enum Command {
    /// Issue a token and print it (only its hash is stored, so it cannot be printed again)
    Issue(Issue),
    /// List a contact's tokens: id, label, creation time, expiry time
    List {
        /// Username or id
        contact: String,
    },
    /// Revoke a token immediately
    Revoke(Revoke),
}

#[derive(Args)]
pub struct Revoke {
    /// Username or id of the contact
    contact: String,
    /// Token id, as printed by `token list`
    id: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Args)]
pub struct Issue {
    /// Username or id of the contact that the token authenticates
    contact: String,
    /// Description, for example the device that uses the token
    #[arg(long, default_value = "")]
    label: String,
    /// Lifetime in seconds, up to ten years [default: does not expire]
    #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
    expires_in: Option<Lifetime>,
}

pub async fn run(command: Command, admin: &Admin) -> Result<(), Error> {
    match command {
        Command::Issue(issue) => issue.run(admin).await,
        Command::List { contact } => {
            let contact = get(&contact, admin).await?;
            for token in admin.list_tokens(contact.id).await? {
                print_line(&format_row(&token));
            }
            Ok(())
        }
        Command::Revoke(revoke) => revoke.run(admin).await,
    }
}

impl Revoke {
    async fn run(self, admin: &Admin) -> Result<(), Error> {
        let Self {
            contact,
            id,
            confirmation,
        } = self;
        let contact = get(&contact, admin).await?;
        let no_token = || format!("{id}: the contact has no token with this id");
        let tokens = admin.list_tokens(contact.id).await?;
        let token = tokens.into_iter().find(|token| token.id.to_string() == id);
        let Token { id, label, .. } = token.ok_or_else(no_token)?;
        let username = contact.username.unwrap_or_default();
        confirmation.require(&format!("revoke the token {id} {label:?} of {username}"))?;
        Ok(admin.revoke_token(contact.id, id).await?)
    }
}

impl Issue {
    async fn run(self, admin: &Admin) -> Result<(), Error> {
        let contact = get(&self.contact, admin).await?;
        let now = Seconds::from(Clock::system().now());
        let expires_at = self.expires_in.map(|lifetime| lifetime.from(now));
        let label = parse::<Label>(&self.label)?;
        let token = admin.create_token(contact.id, label, expires_at).await?;
        print_line(&token.secret);
        Ok(())
    }
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    let seconds: u64 = text.parse().map_err(|_| "must be a whole number")?;
    Lifetime::try_from(seconds).map_err(|error| error.to_string())
}

fn format_row(token: &Token) -> String {
    let expires_at = token
        .expires_at
        .map_or_else(|| "never".to_owned(), |at| at.0.to_string());
    format!(
        "{}\t{}\t{}\t{expires_at}",
        token.id, token.label, token.created_at.0
    )
}
