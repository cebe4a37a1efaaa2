//! `cargo ops contact …`

mod erase;

use clap::{Args, Subcommand};
use local_stack::Error;
use serde_json::json;
use shared::contact::{Contact, Username};
use shared::id::ContactId;
use shared::metadata::Metadata;
use shared::store::Admin;
use shared::store::{ContactProfile, NewContact};
use shared::time::{Clock, Seconds};
use shared::token::Label;

use crate::format::Format;
use crate::target::Target;
use crate::username::describe;
use crate::{print_line, timestamp, token};

#[derive(Subcommand)]
pub enum Command {
    /// Add a contact and print its id; with --with-token, also a token
    Add(Add),
    /// List all contacts: id, username, phone number (reads the whole table)
    List(Format),
    /// Show a contact
    Show {
        /// Username or id
        contact: String,
        #[command(flatten)]
        format: Format,
    },
    /// Erase a contact with its messages and reactions, and verify that nothing remains (reads whole tables)
    ///
    /// Prints how many items of each kind it deletes, and how many remain. If it is interrupted, run the same
    /// command again to continue; use the id if the username is already deleted.
    ///
    /// Its usernames stay taken; `username free` frees them.
    ///
    /// Backups are not changed: point-in-time recovery keeps what is erased for 35 days.
    Erase(erase::Erase),
}

#[derive(Args)]
pub struct Add {
    /// 3 to 32 characters of 0-9A-Za-z._-, unique regardless of case; may be one that contacts cannot choose
    username: String,
    /// Phone number, visible to contacts who share a conversation with this contact
    #[arg(long)]
    phone_number: Option<String>,
    /// URL of the profile picture
    #[arg(long, value_name = "URL")]
    avatar_url: Option<String>,
    /// Id of the contact in your own system, unique: 1 to 255 visible ASCII characters
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Also issue a token that does not expire, and print it below the id
    #[arg(long)]
    with_token: bool,
}

pub async fn run(command: Command, target: &Target) -> Result<(), Error> {
    let admin = &target.admin;
    match command {
        Command::Add(add) => add.run(target).await,
        Command::List(format) => {
            let mut list = format.list(&["id", "username", "phone number"]);
            let visit = |contact| list.row(|| json!(contact), || cells(&contact));
            Ok(admin.list_contacts(visit).await?)
        }
        Command::Show { contact, format } => {
            let contact = get(&contact, admin).await?;
            format.print(|| json!(contact), || format_fields(&contact));
            Ok(())
        }
        Command::Erase(erase) => erase.run(target).await,
    }
}

impl Add {
    async fn run(self, target: &Target) -> Result<(), Error> {
        let admin = &target.admin;
        let Self {
            username,
            phone_number,
            avatar_url,
            external_id,
            with_token,
        } = self;
        let id = ContactId::random();
        let parsed: Username = parse(&username)?;
        let contact = NewContact {
            id,
            profile: ContactProfile {
                username: parsed.clone(),
                phone_number: phone_number.as_deref().map(parse).transpose()?,
                avatar_url: avatar_url.as_deref().map(parse).transpose()?,
                metadata: Metadata::default(),
                external_id: external_id.as_deref().map(parse).transpose()?,
            },
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        match admin.create_contact(contact).await {
            Err(shared::Error::ExternalIdTaken) => {
                let external_id = external_id.unwrap_or_default();
                return Err(format!("{external_id}: another contact has this external id").into());
            }
            Err(shared::Error::AlreadyExists) => {
                let status = admin.username_status(&parsed).await?;
                return Err(format!("{username} is {}", describe(&status)).into());
            }
            outcome => outcome?,
        }
        print_line(&id.to_string());
        if parsed.is_like_id() {
            eprintln!(
                "note: {username} has the shape of an id, which takes precedence in mentions"
            );
        }
        if with_token {
            token::issue(id, Label::default(), None, target).await?;
        }
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

fn cells(contact: &Contact) -> [String; 3] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        contact.id.to_string(),
        text(&contact.username),
        text(&contact.phone_number),
    ]
}

fn format_fields(contact: &Contact) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let time = |value: Option<Seconds>| value.map(timestamp).unwrap_or_default();
    let external_id = contact.external_id.as_ref().map(ToString::to_string);
    let fields = [
        ("id", contact.id.to_string()),
        ("username", text(&contact.username)),
        ("phone_number", text(&contact.phone_number)),
        ("avatar_url", text(&contact.avatar_url)),
        ("last_active_at", time(contact.last_active_at)),
        ("created_at", time(contact.created_at)),
        ("external_id", external_id.unwrap_or_default()),
        ("suspended_at", time(contact.suspended_at)),
    ];
    fields
        .map(|(name, value)| format!("{name:15} {value}"))
        .join("\n")
}
