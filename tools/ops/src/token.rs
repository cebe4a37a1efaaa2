//! `cargo ops token …`

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use local_stack::Error;
use serde_json::json;
use shared::id::ContactId;
use shared::time::{Clock, Seconds};
use shared::token::{Label, Lifetime, Token};

use crate::confirm::Confirmation;
use crate::contact::{get, parse};
use crate::format::Format;
use crate::target::Target;
use crate::{or_never, print_line, timestamp};

#[derive(Subcommand)]
pub enum Command {
    /// Issue a token and print it (only its hash is stored, so it cannot be printed again)
    Issue(Issue),
    /// List a contact's tokens: id, label, creation time, expiry time, token that issued it, time of last use
    ///
    /// A token without an issuing token was issued by an operator. The last use is accurate to an hour.
    List {
        /// Username or id
        contact: String,
        #[command(flatten)]
        format: Format,
    },
    /// Revoke a token, and all that were issued with it, immediately
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

pub async fn run(command: Command, target: &Target) -> Result<(), Error> {
    let admin = &target.admin;
    match command {
        Command::Issue(issue) => issue.run(target).await,
        Command::List { contact, format } => {
            let contact = get(&contact, admin).await?;
            let columns = [
                "id",
                "label",
                "created at",
                "expires at",
                "issued with",
                "last used at",
            ];
            let mut list = format.list(&columns);
            for token in admin.list_tokens(contact.id).await? {
                list.row(|| json!(token), || cells(&token));
            }
            Ok(())
        }
        Command::Revoke(revoke) => revoke.run(target).await,
    }
}

impl Revoke {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let admin = &target.admin;
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
        let action = format!(
            "revoke the token {id} {label:?} of {username} and all that were issued with it"
        );
        confirmation.require(&action, target)?;
        Ok(admin.revoke_token(contact.id, id).await?)
    }
}

impl Issue {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let contact = get(&self.contact, &target.admin).await?;
        let label = parse::<Label>(&self.label)?;
        issue(contact.id, label, self.expires_in, target).await
    }
}

/// Issues a token and prints it; on a terminal, also a command that uses it.
pub async fn issue(
    contact: ContactId,
    label: Label,
    expires_in: Option<Lifetime>,
    target: &Target,
) -> Result<(), Error> {
    let now = Seconds::from(Clock::system().now());
    let expires_at = expires_in.map(|lifetime| lifetime.from(now));
    let created = target.admin.create_token(contact, label, expires_at).await;
    let secret = created?.secret;
    print_line(&secret);
    if let Some(url) = target.url.as_ref().filter(|_| io::stdout().is_terminal()) {
        eprintln!("try: curl {url}/v1/me -H \"Authorization: Bearer {secret}\"");
    }
    Ok(())
}

pub fn lifetime(text: &str) -> Result<Lifetime, String> {
    let seconds: u64 = text.parse().map_err(|_| "must be a whole number")?;
    Lifetime::try_from(seconds).map_err(|error| error.to_string())
}

fn cells(token: &Token) -> [String; 6] {
    let issued_with = token.issued_with.map(|id| id.to_string());
    [
        token.id.to_string(),
        token.label.clone(),
        timestamp(token.created_at),
        or_never(token.expires_at),
        issued_with.unwrap_or_else(|| "operator".to_owned()),
        or_never(token.last_used_at),
    ]
}
