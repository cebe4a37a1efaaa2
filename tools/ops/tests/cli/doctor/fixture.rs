//! A world to be damaged.

use serde_json::{Value, json};
use shared::id::{ConversationId, MessageId};

use crate::harness::{World, s};

/// A world in which all kinds of items are: two messages, a pair, and one who has left.
pub struct Ward {
    pub world: World,
    pub pair: ConversationId,
    pub first: MessageId,
    pub newest: MessageId,
}

impl Ward {
    pub async fn new() -> Self {
        Self::of(World::new().await).await
    }

    pub async fn of(world: World) -> Self {
        let pair = world.begins("ann", &["bob"], None).await;
        let attic = world.begins("ann", &["bob", "cat"], None).await;
        world.leaves("cat", attic).await;
        let first = world.sends("ann", world.house, "one").await;
        let newest = world.sends("bob", world.house, "two").await;
        Self {
            world,
            pair,
            first,
            newest,
        }
    }

    pub fn part(&self, name: &str, conversation: ConversationId) -> Value {
        json!({ "contact_id": s(self.world.id(name)), "conversation_id": s(conversation) })
    }

    pub fn entry(&self, name: &str, message: MessageId) -> Value {
        json!({ "contact_id": s(self.world.id(name)), "message_id": s(message) })
    }

    pub fn item(&self, table: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.world.items(table).into_iter().find(is).unwrap()
    }

    pub fn lets_in(&self, name: &str, conversation: ConversationId) {
        let key = json!({ "id": s(conversation) });
        let new = json!({ ":new": { "SS": [self.world.id(name).to_string()] } });
        let table = "ConversationsTable";
        self.world
            .updates(table, &key, "ADD participants :new", &new);
    }

    pub fn pair_item(&self) -> Value {
        self.item("ConversationsTable", |item| {
            item.get("conversation_id").is_some()
        })
    }

    pub fn of_ann(&self) -> impl Fn(&Value) -> bool {
        |item| item["contact_id"] == s(self.world.id("ann"))
    }
}

/// The key of a message.
pub fn key(message: MessageId) -> Value {
    json!({
        "conversation_id": s(message.conversation()),
        "created_at": { "N": message.created_at().0.to_string() },
    })
}
