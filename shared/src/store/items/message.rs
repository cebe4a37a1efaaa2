//! The table of messages: `conversation_id` and `created_at` are the key, and each emoji is a string set
//! of the contacts who reacted with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;

use crate::contact::Contact;
use crate::error::{Error, Result};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::message::{Message, Reactions};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchItems;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::time::Micros;
use crate::version::Version;

/// The prefix of the attributes that hold reactions.
pub const REACTION: &str = "reaction:";

#[derive(Deserialize, Serialize)]
pub struct MessageItem {
    pub conversation_id: ConversationId,
    pub created_at: Micros,
    /// The author.
    pub contact_id: ContactId,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Micros>,
    pub version: Version,
    /// In attributes named `reaction:<emoji>`: `ADD` and `DELETE` work on top-level sets only.
    #[serde(skip)]
    pub reactions: BTreeMap<String, BTreeSet<ContactId>>,
}

impl MessageItem {
    pub fn from_item(mut item: Item) -> Result<Self> {
        let mut reactions = BTreeMap::new();
        for (name, value) in item.extract_if(|name, _| name.starts_with(REACTION)) {
            let emoji = name[REACTION.len()..].to_owned();
            let contacts: Vec<ContactId> = from_attribute_value(value).map_err(Error::internal)?;
            reactions.insert(emoji, contacts.into_iter().collect());
        }
        Ok(Self {
            reactions,
            ..from_item(item)?
        })
    }

    pub fn id(&self) -> MessageId {
        MessageId::new(self.created_at, self.conversation_id)
    }

    /// The contacts that the message displays: its author and those who reacted.
    pub fn displayed_contacts(&self) -> BTreeSet<ContactId> {
        self.reactions
            .values()
            .flatten()
            .copied()
            .chain([self.contact_id])
            .collect()
    }

    /// The most bytes that the message takes in a response: JSON within the JSON of Lambda's response.
    pub fn max_json_len(&self) -> usize {
        const USERNAME: usize = 50;
        const EMOJI: usize = 100;
        const REST: usize = 2048; // the sender, the keys
        let escaped = |byte: u8| match byte {
            b'"' | b'\\' => 4,
            0..0x20 => 8,
            _ => 1,
        };
        let text: usize = self.message.bytes().map(escaped).sum();
        let reactions = self
            .reactions
            .values()
            .map(|contacts| EMOJI + contacts.len() * USERNAME);
        text + reactions.sum::<usize>() + REST
    }

    /// The message as clients see it. Reactions of erased contacts are left out.
    pub fn render(self, contacts: &HashMap<ContactId, Contact>) -> Message {
        let username = |id: &ContactId| {
            let contact: Option<&Contact> = contacts.get(id);
            contact.and_then(|contact| contact.username.clone())
        };
        let usernames =
            |ids: BTreeSet<ContactId>| ids.iter().filter_map(username).collect::<BTreeSet<_>>();
        let id = self.id();
        let reactions = self
            .reactions
            .into_iter()
            .map(|(emoji, contacts)| (emoji, usernames(contacts)));
        Message {
            id,
            conversation_id: self.conversation_id,
            contact: contacts
                .get(&self.contact_id)
                .cloned()
                .unwrap_or_else(|| Contact::erased(self.contact_id)),
            message: self.message,
            reactions: Reactions(
                reactions
                    .filter(|(_, usernames)| !usernames.is_empty())
                    .collect(),
            ),
            attachments: [],
            read_at: self.read_at.map(Into::into),
            created_at: self.created_at.into(),
            updated_at: self.updated_at.map(Into::into),
            version: self.version,
        }
    }
}

pub fn key(id: MessageId) -> Item {
    Item::from([
        ("conversation_id".to_owned(), string_attr(id.conversation())),
        ("created_at".to_owned(), number_attr(id.created_at().0)),
    ])
}

impl Store {
    pub(in crate::store) fn take_messages(
        &self,
        items: &mut BatchItems,
    ) -> Result<HashMap<MessageId, MessageItem>> {
        let items = items.take_items(&self.tables.messages).into_iter();
        items
            .map(|item| MessageItem::from_item(item).map(|message| (message.id(), message)))
            .collect()
    }
}
