//! `cargo ops key …`

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use local_stack::Error;
use serde_json::json;
use shared::key::{Key, Scope};
use shared::time::{Clock, Seconds};
use shared::token::{Label, Lifetime};

use crate::confirm::Confirmation;
use crate::contact::parse;
use crate::format::Format;
use crate::target::Target;
use crate::token::lifetime;
use crate::{or_never, print_line, timestamp};

#[derive(Subcommand)]
pub enum Command {
    /// Issue a server key and print it (only its hash is stored, so it cannot be printed again)
    ///
    /// Your own server authenticates with it: as itself, to manage contacts and their tokens, or on behalf of a
    /// contact. Keep it secret: it is for servers, never for apps or browsers. To rotate it, issue another one, use
    /// that, and revoke the first.
    Issue(Issue),
    /// List the server keys: id, label, scopes, creation time, expiry time, time of last use
    List(Format),
    /// Revoke a server key immediately
    Revoke(Revoke),
}

#[derive(Args)]
pub struct Issue {
    /// What the key may do: contacts, tokens, conversations, moderate, export, webhooks; several are separated by commas
    #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',')]
    scope: Vec<Scope>,
    /// Description, for example the server that uses the key
    #[arg(long, default_value = "")]
    label: String,
    /// Lifetime in seconds, up to ten years [default: does not expire]
    #[arg(long, value_name = "SECONDS", value_parser = lifetime)]
    expires_in: Option<Lifetime>,
}

#[derive(Args)]
pub struct Revoke {
    /// Key id, as printed by `key list`
    id: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(command: Command, target: &Target) -> Result<(), Error> {
    match command {
        Command::Issue(issue) => issue.run(target).await,
        Command::List(format) => {
            let columns = [
                "id",
                "label",
                "scopes",
                "created at",
                "expires at",
                "last used at",
            ];
            let mut list = format.list(&columns);
            for key in target.admin.list_keys().await? {
                list.row(|| json!(key), || cells(&key));
            }
            Ok(())
        }
        Command::Revoke(revoke) => revoke.run(target).await,
    }
}

impl Issue {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let label = parse::<Label>(&self.label)?;
        let now = Seconds::from(Clock::system().now());
        let expires_at = self.expires_in.map(|lifetime| lifetime.from(now));
        let scopes = self.scope.into_iter().collect();
        let issued = target.admin.issue_key(label, scopes, expires_at).await?;
        print_line(&issued.secret);
        if let Some(url) = target.url.as_ref().filter(|_| io::stdout().is_terminal()) {
            let secret = issued.secret;
            eprintln!("try: curl {url}/v1/contacts -H \"Authorization: Bearer {secret}\"");
        }
        Ok(())
    }
}

impl Revoke {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let Self { id, confirmation } = self;
        let keys = target.admin.list_keys().await?.into_iter();
        let key = keys.into_iter().find(|key| key.id.to_string() == id);
        let key = key.ok_or_else(|| format!("{id}: no server key has this id"))?;
        let action = format!("revoke the server key {id} {:?}", key.label);
        confirmation.require(&action, target)?;
        Ok(target.admin.revoke_key(key.id).await?)
    }
}

fn cells(key: &Key) -> [String; 6] {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.to_string()).collect();
    [
        key.id.to_string(),
        key.label.clone(),
        scopes.join(","),
        timestamp(key.created_at),
        or_never(key.expires_at),
        or_never(key.last_used_at),
    ]
}
