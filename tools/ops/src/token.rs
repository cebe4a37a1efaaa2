//! `cargo ops token …`

use clap::{Args, Subcommand};
use dev::Error;
use shared::Store;
use shared::caller::Caller;
use shared::store::Token;
use shared::time::{Clock, Seconds};

use crate::contact::find;
use crate::say;

#[derive(Subcommand)]
pub enum Command {
    /// Issues a token and prints it: this once, as only its hash is kept
    Issue(Issue),
    /// Lists a contact's tokens: id, label, when created, when it expires (reads the whole table)
    List {
        /// Its username, or its id
        contact: String,
    },
    /// Revokes a token, at once
    Revoke {
        /// Its id, as `token list` prints it
        id: String,
    },
}

#[derive(Args)]
pub struct Issue {
    /// The username or id of the contact who will call with it
    contact: String,
    /// What it is for
    #[arg(long, default_value = "")]
    label: String,
    /// After how many seconds it expires [default: never]
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<u64>,
}

pub async fn run(command: Command, store: &Store) -> Result<(), Error> {
    match command {
        Command::Issue(issue) => issue.run(store).await,
        Command::List { contact } => {
            let contact = find(&contact, store).await?;
            let tokens = store.each_token_of(contact.id, |token| say(&line(&token)));
            Ok(tokens.await?)
        }
        Command::Revoke { id } if store.revoke_token(&id).await? => Ok(()),
        Command::Revoke { id } => Err(format!("{id}: no token has this id").into()),
    }
}

impl Issue {
    async fn run(self, store: &Store) -> Result<(), Error> {
        let contact = find(&self.contact, store).await?;
        let now = Seconds::from(Clock::system().now());
        let expires_at = self
            .expires_in
            .map(|seconds| Seconds(now.0.saturating_add(seconds)));
        let secret = secret()?;
        let caller = Caller::with_token(&secret);
        store
            .add_token(&caller, contact.id, &self.label, expires_at)
            .await?;
        say(&secret);
        Ok(())
    }
}

/// 256 random bits, in characters that RFC 6750 allows.
fn secret() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold("citypay_".to_owned(), |secret, byte| {
        format!("{secret}{byte:02x}")
    }))
}

fn line(token: &Token) -> String {
    let expires_at = token
        .expires_at
        .map_or_else(|| "never".to_owned(), |at| at.0.to_string());
    format!(
        "{}\t{}\t{}\t{expires_at}",
        token.id, token.label, token.created_at.0
    )
}
