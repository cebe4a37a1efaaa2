//! A store with items of every kind, for tests that make it inconsistent.

use serde_json::{Value, json};
use shared::id::{AttachmentId, ConversationId, MessageId};

use crate::harness::{World, string};

/// A world with items of every kind, such as two messages, a pair and a former participant.
pub struct Fixture {
    pub world: World,
    pub pair: ConversationId,
    pub first: MessageId,
    /// An attachment of the first message.
    pub attachment: AttachmentId,
    pub newest: MessageId,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with(World::new().await).await
    }

    pub async fn with(world: World) -> Self {
        let pair = world.create_conversation("ann", &["bob"], None).await;
        let attic = world
            .create_conversation("ann", &["bob", "cat"], None)
            .await;
        world.leave("cat", attic).await;
        let first = world.create_message("ann", world.house, "one").await;
        let attachment = world.add_file("ann", first).await;
        let newest = world.create_message("bob", world.house, "two").await;
        Self {
            world,
            pair,
            first,
            attachment,
            newest,
        }
    }

    pub fn membership_key(&self, name: &str, conversation: ConversationId) -> Value {
        json!({ "contact_id": string(self.world.id(name)), "conversation_id": string(conversation) })
    }

    pub fn acquaintance_key(&self, name: &str, other: &str) -> Value {
        let [contact, other] = [name, other].map(|name| string(self.world.id(name)));
        json!({ "contact_id": contact, "other_id": other })
    }

    pub fn inbox_entry(&self, name: &str, message: MessageId) -> Value {
        json!({ "contact_id": string(self.world.id(name)), "message_id": string(message) })
    }

    pub fn item(&self, table: &str, predicate: impl Fn(&Value) -> bool) -> Value {
        self.world.items(table).into_iter().find(predicate).unwrap()
    }

    pub fn add_participant(&self, name: &str, conversation: ConversationId) {
        let key = json!({ "id": string(conversation) });
        let new = json!({ ":new": { "SS": [self.world.id(name).to_string()] } });
        let table = "ConversationsTable";
        self.world
            .update_item(table, &key, "ADD participants :new", &new);
    }

    pub fn pair_item(&self) -> Value {
        self.item("ConversationsTable", |item| {
            item.get("conversation_id").is_some()
        })
    }

    pub fn is_of_ann(&self) -> impl Fn(&Value) -> bool {
        |item| item["contact_id"] == string(self.world.id("ann"))
    }
}

/// Returns the key attributes of an attachment.
pub fn attachment_key(attachment: AttachmentId) -> Value {
    json!({
        "conversation_id": string(attachment.conversation()),
        "created_at": { "N": attachment.created_at().0.to_string() },
    })
}

/// Returns the key attributes of a message.
pub fn message_key(message: MessageId) -> Value {
    json!({
        "conversation_id": string(message.conversation()),
        "created_at": { "N": message.created_at().0.to_string() },
    })
}
