//! `cargo ops conversation …`

mod export;

use clap::Subcommand;
use local_stack::Error;
use shared::store::Admin;
use shared::store::ConversationRecord;

use crate::print_line;

#[derive(Subcommand)]
pub enum Command {
    /// List all conversations: id, name, number of participants, creation time (reads the whole table)
    List,
    /// Show a conversation with the id and username of each participant
    Show {
        /// Conversation id
        id: String,
    },
    /// Write the messages of a conversation as JSON lines in the format of the API, oldest first
    Export(export::Export),
}

pub async fn run(command: Command, admin: &Admin) -> Result<(), Error> {
    match command {
        Command::List => {
            let list = admin.list_conversations(|record| print_line(&format_row(&record)));
            Ok(list.await?)
        }
        Command::Show { id } => show(&get(&id, admin).await?, admin).await,
        Command::Export(export) => export.run(admin).await,
    }
}

/// Returns the conversation with this id, or an error if there is none.
async fn get(text: &str, admin: &Admin) -> Result<ConversationRecord, Error> {
    let record = match text.parse() {
        Ok(id) => admin.get_conversation(id).await?,
        Err(_) => None,
    };
    record.ok_or_else(|| format!("{text}: no conversation with this id").into())
}

async fn show(record: &ConversationRecord, admin: &Admin) -> Result<(), Error> {
    let print_field = |name, value: &str| print_line(&format!("{name:15} {value}"));
    let id_or_empty =
        |id: Option<shared::id::ContactId>| id.map(|id| id.to_string()).unwrap_or_default();
    print_field("id", &record.id.to_string());
    print_field("name", record.name.as_deref().unwrap_or_default());
    print_field("creator", &id_or_empty(record.creator));
    if record.closed_by.is_some() {
        print_field("closed_by", &id_or_empty(record.closed_by));
    }
    print_field("created_at", &created_at(record));
    let mut contacts = admin.get_contacts(&record.participants).await?;
    for id in &record.participants {
        let username = contacts.remove(id).and_then(|contact| contact.username);
        print_field(
            "participant",
            &format!("{id} {}", username.unwrap_or_default()),
        );
    }
    Ok(())
}

fn format_row(record: &ConversationRecord) -> String {
    let name = record.name.as_deref().unwrap_or_default();
    let participants = record.participants.len();
    format!(
        "{}\t{name}\t{participants}\t{}",
        record.id,
        created_at(record)
    )
}

fn created_at(record: &ConversationRecord) -> String {
    shared::time::Seconds::from(record.created_at).0.to_string()
}
