//! `cargo ops contact …`

mod erase;

use clap::{Args, Subcommand};
use local_stack::Error;
use shared::contact::{Contact, Username};
use shared::id::ContactId;
use shared::store::Admin;
use shared::store::NewContact;
use shared::time::Clock;

use crate::print_line;

#[derive(Subcommand)]
pub enum Command {
    /// Add a contact and print its id
    Add(Add),
    /// List all contacts: id, username, phone number (reads the whole table)
    List,
    /// Show a contact
    Show {
        /// Username or id
        contact: String,
    },
    /// Erase a contact with its messages and reactions, and verify that nothing remains (reads whole tables)
    ///
    /// Prints how many items of each kind it deletes, and how many remain. If it is interrupted, run the same
    /// command again to continue; use the id if the username is already deleted.
    Erase(erase::Erase),
}

#[derive(Args)]
pub struct Add {
    /// 3 to 32 characters of 0-9A-Za-z._-, unique regardless of case
    username: String,
    /// Phone number, visible to contacts who share a conversation with this contact
    #[arg(long)]
    phone_number: Option<String>,
    /// URL of the profile picture
    #[arg(long, value_name = "URL")]
    avatar_url: Option<String>,
}

pub async fn run(command: Command, admin: &Admin) -> Result<(), Error> {
    match command {
        Command::Add(add) => add.run(admin).await,
        Command::List => Ok(admin
            .list_contacts(|contact| print_line(&format_row(&contact)))
            .await?),
        Command::Show { contact } => {
            let contact = get(&contact, admin).await?;
            for (name, value) in fields(&contact) {
                print_line(&format!("{name:15} {value}"));
            }
            Ok(())
        }
        Command::Erase(erase) => erase.run(admin).await,
    }
}

impl Add {
    async fn run(self, admin: &Admin) -> Result<(), Error> {
        let Self {
            username,
            phone_number,
            avatar_url,
        } = self;
        let id = ContactId::random();
        let contact = NewContact {
            id,
            username: parse(&username)?,
            phone_number: phone_number.as_deref().map(parse).transpose()?,
            avatar_url: avatar_url.as_deref().map(parse).transpose()?,
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        admin
            .create_contact(contact)
            .await
            .map_err(|error| match error {
                shared::Error::AlreadyExists => {
                    format!("{username}: this username is already taken").into()
                }
                error => Error::from(error),
            })?;
        print_line(&id.to_string());
        Ok(())
    }
}

/// Parses an argument. The error names the argument, which that of `T` does not.
pub fn parse<T: TryFrom<String, Error: std::fmt::Display>>(text: &str) -> Result<T, Error> {
    T::try_from(text.to_owned()).map_err(|error| format!("{text}: {error}").into())
}

/// Returns the contact with this username or id, or an error if there is none.
pub async fn get(text: &str, admin: &Admin) -> Result<Contact, Error> {
    let found = find(text, admin).await?;
    found.ok_or_else(|| not_found(text))
}

fn not_found(text: &str) -> Error {
    format!("{text}: no contact with this username or id").into()
}

async fn find(text: &str, admin: &Admin) -> Result<Option<Contact>, Error> {
    // Ids take precedence: the username of one contact can be the id of another.
    let by_id = match text.parse() {
        Ok(id) => admin.get_contact(id).await?,
        Err(_) => None,
    };
    Ok(match (by_id, Username::try_from(text.to_owned())) {
        (None, Ok(username)) => admin.find_contact(&username).await?,
        (by_id, _) => by_id,
    })
}

fn format_row(contact: &Contact) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    format!(
        "{}\t{}\t{}",
        contact.id,
        text(&contact.username),
        text(&contact.phone_number)
    )
}

fn fields(contact: &Contact) -> [(&'static str, String); 6] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let seconds = |value: Option<shared::time::Seconds>| {
        value
            .map(|seconds| seconds.0.to_string())
            .unwrap_or_default()
    };
    [
        ("id", contact.id.to_string()),
        ("username", text(&contact.username)),
        ("phone_number", text(&contact.phone_number)),
        ("avatar_url", text(&contact.avatar_url)),
        ("last_active_at", seconds(contact.last_active_at)),
        ("created_at", seconds(contact.created_at)),
    ]
}
