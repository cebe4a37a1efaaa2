//! Runs `cargo ops`, and provides a data file to run it on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

use local_stack::stack::Stack;
use serde_json::{Value, json};
use shared::Store;
use shared::attachment::{FileType, NewFile};
use shared::caller::Caller;
use shared::id::{AttachmentId, ContactId, ConversationId, MessageId};
use shared::message::Text;
use shared::metadata::Metadata;
use shared::store::{
    Admin, ContactProfile, ConversationUpdate, CreatedConversation, MessageUpdate, NewContact,
    NewConversation, Progress,
};
use shared::time::{Clock, Micros};
use shared::token::Label;
use tempfile::TempDir;

/// Runs a command that must succeed; returns its standard output.
pub fn ops(data: &Path, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = run(data, arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

/// Runs a command that must fail with status 1; returns its one-line error.
pub fn error(data: &Path, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = run(data, arguments);
    assert_eq!(
        status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&stdout)
    );
    let error = String::from_utf8(stderr).unwrap();
    assert!(
        error.starts_with("error: ") && error.lines().count() == 1,
        "{error}"
    );
    error
}

/// Runs a command on a data file.
pub fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ops"))
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .unwrap()
}

/// A data file with three contacts, Ann, Bob and Cat. Each one's token is the username.
pub struct World {
    _folder: TempDir,
    pub data: PathBuf,
    pub stack: Stack,
    pub store: Store,
    /// A conversation of all three.
    pub house: ConversationId,
    contacts: BTreeMap<&'static str, ContactId>,
}

impl World {
    /// Creates a world whose items are an hour old.
    pub async fn new() -> Self {
        const HOUR: u64 = 3_600_000_000;
        Self::with_age(HOUR).await
    }

    /// Creates a world whose items are `age` microseconds old.
    pub async fn with_age(age: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("chat.db");
        let stack = Stack::start(Some(&data)).await.unwrap();
        let now = AtomicU64::new(Clock::system().now().0 - age);
        let clock = Clock::new(move || Micros(now.fetch_add(10, Ordering::Relaxed)));
        let store = stack.store.clone().with_clock(clock.clone());
        // The bucket takes no old signatures.
        let store = store.with_files(stack.store.files().cloned());
        let mut contacts = BTreeMap::new();
        for name in ["ann", "bob", "cat"] {
            let id = ContactId::random();
            contacts.insert(name, id);
            let contact = NewContact {
                id,
                profile: ContactProfile {
                    username: name.to_owned().try_into().unwrap(),
                    phone_number: None,
                    avatar_url: None,
                    metadata: Metadata::default(),
                    external_id: None,
                },
                last_active_at: None,
                created_at: clock.now(),
            };
            Admin::new(store.clone())
                .create_contact(contact)
                .await
                .unwrap();
            let caller = Caller::with_token(name);
            Admin::new(store.clone())
                .import_token(&caller, id, Label::default(), None)
                .await
                .unwrap();
        }
        let mut world = Self {
            _folder: folder,
            data,
            stack,
            store,
            house: ConversationId::random(),
            contacts,
        };
        world.house = world
            .create_conversation("ann", &["bob", "cat"], Some("house"))
            .await;
        world
    }

    pub fn id(&self, name: &str) -> ContactId {
        self.contacts[name]
    }

    /// Creates a conversation that the others accept.
    pub async fn create_conversation(
        &self,
        who: &str,
        others: &[&str],
        name: Option<&str>,
    ) -> ConversationId {
        let mention = |name: &&str| (*name).to_owned().try_into().unwrap();
        let participants: Vec<_> = others.iter().map(mention).collect();
        let new = NewConversation {
            participants: participants.try_into().unwrap(),
            name: name.map(|name| name.to_owned().try_into().unwrap()),
            metadata: Metadata::default(),
        };
        let created = self
            .store
            .create_conversation(&Caller::with_token(who), new)
            .await;
        let id = match created {
            Ok(CreatedConversation::New(conversation)) => conversation.id,
            other => panic!("{other:?}"),
        };
        let accept = ConversationUpdate {
            accepted: true,
            ..ConversationUpdate::default()
        };
        for other in others {
            let other = Caller::with_token(other);
            let accepted = self.store.update_conversation(&other, id, &accept);
            accepted.await.unwrap();
        }
        id
    }

    pub async fn create_message(
        &self,
        who: &str,
        conversation: ConversationId,
        text: &str,
    ) -> MessageId {
        let key = ConversationId::random().to_string().parse().unwrap();
        let text = Text::try_from(text.to_owned()).unwrap();
        let caller = Caller::with_token(who);
        self.store
            .create_message(&caller, conversation, text.into(), Some(key))
            .await
            .unwrap()
            .message
            .id
    }

    /// Uploads a file to the conversation of a message, and adds it to the message.
    pub async fn add_file(&self, who: &str, message: MessageId) -> AttachmentId {
        let id = self.create_attachment(who, message.conversation()).await;
        self.stack.bucket.put(id, "image/jpeg", b"x").unwrap();
        let update = MessageUpdate {
            attachments: vec![id].try_into().unwrap(),
            ..MessageUpdate::default()
        };
        let caller = Caller::with_token(who);
        let updated = self.store.update_message(&caller, message, &update);
        updated.await.unwrap();
        id
    }

    /// Where the file of an attachment is.
    pub fn file(&self, id: AttachmentId) -> PathBuf {
        let folder = PathBuf::from(format!("{}.files", self.data.display()));
        let folder = folder.join(id.conversation().to_string());
        folder.join(&id.to_string()[..9])
    }

    /// Begins an upload.
    pub async fn create_attachment(&self, who: &str, conversation: ConversationId) -> AttachmentId {
        let file = NewFile {
            filename: "house.jpg".to_owned().try_into().unwrap(),
            file_type: FileType::default(),
            file_size: 1.try_into().unwrap(),
            sha256: None,
        };
        let caller = Caller::with_token(who);
        let created = self.store.create_attachment(&caller, conversation, file);
        created.await.unwrap().attachment.id
    }

    pub async fn react(&self, who: &str, message: MessageId, emoji: &str) {
        let emoji = emoji.to_owned().try_into().unwrap();
        let change = MessageUpdate {
            reactions: [(emoji, vec![who.to_owned().try_into().unwrap()])].into(),
            ..MessageUpdate::default()
        };
        let caller = Caller::with_token(who);
        self.store
            .update_message(&caller, message, &change)
            .await
            .unwrap();
    }

    /// Marks a message and all before it as read.
    pub async fn mark_read(&self, who: &str, message: MessageId) {
        let update = ConversationUpdate {
            read_up_to: Some(message),
            ..ConversationUpdate::default()
        };
        let caller = Caller::with_token(who);
        self.store
            .update_conversation(&caller, message.conversation(), &update)
            .await
            .unwrap();
    }

    pub async fn leave(&self, who: &str, conversation: ConversationId) {
        let caller = Caller::with_token(who);
        let left = self.store.leave_conversation(&caller, conversation).await;
        assert_eq!(left.unwrap(), Progress::Finished);
    }

    /// Returns all items of a table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let scan = serde_json::from_value(json!({ "TableName": table })).unwrap();
        let page = self.stack.engine.database().scan(scan).unwrap();
        let Value::Array(items) = serde_json::to_value(page).unwrap()["Items"].take() else {
            return Vec::new();
        };
        items
    }

    /// Returns the items of all tables that contain `text`.
    pub fn items_with(&self, text: &str) -> Vec<Value> {
        let items = TABLES.iter().flat_map(|table| self.items(table));
        items
            .filter(|item| item.to_string().contains(text))
            .collect()
    }

    /// Puts an item directly into a table.
    pub fn put_item(&self, table: &str, item: &Value) {
        let put = serde_json::from_value(json!({ "TableName": table, "Item": item })).unwrap();
        self.stack.engine.database().put_item(put).unwrap();
    }

    /// Deletes an item, which must exist, directly from a table.
    pub fn delete_item(&self, table: &str, key: &Value) {
        let delete = json!({ "TableName": table, "Key": key, "ReturnValues": "ALL_OLD" });
        let delete = serde_json::from_value(delete).unwrap();
        let removed = self.stack.engine.database().delete_item(delete).unwrap();
        assert!(removed.attributes.is_some(), "{table} has {key}");
    }

    /// Updates an item directly in a table.
    pub fn update_item(&self, table: &str, key: &Value, expression: &str, values: &Value) {
        let mut update = json!({ "TableName": table, "Key": key, "UpdateExpression": expression });
        if !values.is_null() {
            update["ExpressionAttributeValues"] = values.clone();
        }
        let update = serde_json::from_value(update).unwrap();
        self.stack.engine.database().update_item(update).unwrap();
    }
}

const TABLES: [&str; 14] = [
    "MessagesTable",
    "AttachmentsTable",
    "InboxTable",
    "ConversationsTable",
    "MembershipsTable",
    "ContactsTable",
    "TokensTable",
    "TokenIdsTable",
    "AcquaintancesTable",
    "ReadsTable",
    "ReportsTable",
    "AuditTable",
    "EditsTable",
    "WebhooksTable",
];

/// A string as a DynamoDB attribute.
#[expect(
    clippy::needless_pass_by_value,
    reason = "ids are as small as references to them"
)]
pub fn string(text: impl ToString) -> Value {
    json!({ "S": text.to_string() })
}
