//! `cargo ops conversation …`

mod export;

use std::collections::HashMap;

use clap::Subcommand;
use local_stack::Error;
use serde_json::{Value, json};
use shared::contact::Contact;
use shared::id::ContactId;
use shared::store::Admin;
use shared::store::ConversationRecord;
use shared::time::Seconds;

use crate::format::Format;
use crate::{contact, timestamp};

#[derive(Subcommand)]
pub enum Command {
    /// List conversations: id, name, number of participants, creation time (without --contact, reads the whole table)
    List {
        /// Only those in which this contact participates: username or id
        #[arg(long)]
        contact: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Show a conversation with the id and username of each participant
    Show {
        /// Conversation id
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Write the messages of a conversation as JSON lines in the format of the API, oldest first
    Export(export::Export),
}

pub async fn run(command: Command, admin: &Admin) -> Result<(), Error> {
    match command {
        Command::List { contact, format } => list(contact.as_deref(), format, admin).await,
        Command::Show { id, format } => show(&get(&id, admin).await?, format, admin).await,
        Command::Export(export) => export.run(admin).await,
    }
}

async fn list(contact: Option<&str>, format: Format, admin: &Admin) -> Result<(), Error> {
    let contact = match contact {
        Some(text) => Some(contact::get(text, admin).await?),
        None => None,
    };
    let mut list = format.list(&["id", "name", "participants", "created at"]);
    let visit = |record: ConversationRecord| list.row(|| object(&record), || cells(&record));
    match contact {
        Some(contact) => admin.list_conversations_of(contact.id, visit).await?,
        None => admin.list_conversations(visit).await?,
    }
    Ok(())
}

/// Returns the conversation with this id, or an error if there is none.
async fn get(text: &str, admin: &Admin) -> Result<ConversationRecord, Error> {
    let record = match text.parse() {
        Ok(id) => admin.get_conversation(id).await?,
        Err(_) => None,
    };
    record.ok_or_else(|| format!("{text}: no conversation with this id").into())
}

async fn show(record: &ConversationRecord, format: Format, admin: &Admin) -> Result<(), Error> {
    let contacts = admin.get_contacts(&record.participants).await?;
    let with_contacts = || {
        let mut object = object(record);
        let participants = record.participants.iter();
        let contacts: Vec<_> = participants.filter_map(|id| contacts.get(id)).collect();
        object["contacts"] = json!(contacts);
        object
    };
    format.print(with_contacts, || format_fields(record, &contacts));
    Ok(())
}

fn format_fields(record: &ConversationRecord, contacts: &HashMap<ContactId, Contact>) -> String {
    let id_or_empty = |id: Option<ContactId>| id.map(|id| id.to_string()).unwrap_or_default();
    let mut fields = vec![
        ("id", record.id.to_string()),
        ("name", record.name.clone().unwrap_or_default()),
        ("creator", id_or_empty(record.creator)),
    ];
    if record.closed_by.is_some() {
        fields.push(("closed_by", id_or_empty(record.closed_by)));
    }
    fields.push(("created_at", created_at(record)));
    for id in &record.participants {
        let username = contacts
            .get(id)
            .and_then(|contact| contact.username.as_deref());
        fields.push((
            "participant",
            format!("{id} {}", username.unwrap_or_default()),
        ));
    }
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name:15} {value}"))
        .collect();
    lines.join("\n")
}

fn object(record: &ConversationRecord) -> Value {
    json!({
        "id": record.id,
        "name": record.name,
        "creator": record.creator,
        "closed_by": record.closed_by,
        "created_at": Seconds::from(record.created_at),
        "participants": record.participants,
    })
}

fn cells(record: &ConversationRecord) -> [String; 4] {
    [
        record.id.to_string(),
        record.name.clone().unwrap_or_default(),
        record.participants.len().to_string(),
        created_at(record),
    ]
}

fn created_at(record: &ConversationRecord) -> String {
    timestamp(record.created_at.into())
}
