//! The table of messages: `conversation_id` and `created_at` are the key, each emoji is a string set of the contacts
//! who reacted with it, and each attachment a map of what messages show of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;

use crate::attachment::{Attachment, FileUrl};
use crate::contact::Profile;
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ContactId, ConversationId, MessageId, TokenId};
use crate::message::{MAX_EXCERPT, Message, Reactions, SentBy};
use crate::metadata::Metadata;
use crate::store::Store;
use crate::store::displayed::Displayed;
use crate::store::dynamodb::batch::BatchItems;
use crate::store::dynamodb::item::{Item, from_item, number_attr, string_attr};
use crate::store::viewer::Viewer;
use crate::time::Micros;
use crate::version::Version;

/// The prefix of the attributes that hold reactions.
pub const REACTION: &str = "reaction:";

/// The prefix of the attributes that hold attachments.
const ATTACHMENT: &str = "attachment:";

/// A condition expression, and its values.
pub type Condition = (String, Vec<(&'static str, AttributeValue)>);

#[derive(Deserialize, Serialize)]
pub struct MessageItem {
    pub conversation_id: ConversationId,
    pub created_at: Micros,
    /// The author.
    pub contact_id: ContactId,
    /// The server key that sent it on behalf of the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<TokenId>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Micros>,
    /// When its text was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Micros>,
    /// How many edits have been recorded; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<u64>,
    pub version: Version,
    /// Whether it is pinned. Then the conversation lists it as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_pinned: bool,
    /// When the message that it replies to was sent: with the conversation, this is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Micros>,
    /// How often attachments have been added or removed since it was sent; absent if never. Whatever depends on its
    /// attachments is conditional on this, so that reactions and edits do not interfere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments_version: Option<u64>,
    /// In attributes named `reaction:<emoji>`: `ADD` and `DELETE` work on top-level sets only.
    #[serde(skip)]
    pub reactions: BTreeMap<String, BTreeSet<ContactId>>,
    /// By when their upload was begun, which is their key: in attributes named `attachment:<9 characters>`, so that
    /// adding one never changes another.
    #[serde(flatten, serialize_with = "attachment_attributes", skip_deserializing)]
    pub attachments: BTreeMap<Micros, AttachedFile>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// What a message shows of an attachment.
#[derive(Deserialize, Serialize)]
pub struct AttachedFile {
    pub filename: String,
    pub file_type: String,
    pub file_size: u64,
    /// The attachments of a message are in the order of this.
    pub place: u64,
}

fn attachment_attributes<S: Serializer>(
    attachments: &BTreeMap<Micros, AttachedFile>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(attachments.len()))?;
    for (&created_at, file) in attachments {
        map.serialize_entry(&attachment_attribute(created_at), file)?;
    }
    map.end()
}

/// The attribute of an attachment, by its key.
pub fn attachment_attribute(created_at: Micros) -> String {
    format!("{ATTACHMENT}{}", MessageId::prefix(created_at))
}

/// When the upload of the attachment in this attribute was begun.
fn attached_by(attribute: &str) -> Result<Micros> {
    let moment = MessageId::moment(&attribute[ATTACHMENT.len()..]);
    moment.ok_or_else(|| Error::internal(attribute))
}

/// When the uploads of the attachments of a message were begun.
pub fn attached_at(message: &Item) -> Result<Vec<Micros>> {
    let names = message.keys().filter(|name| name.starts_with(ATTACHMENT));
    names.map(|name| attached_by(name)).collect()
}

impl MessageItem {
    pub fn from_item(mut item: Item) -> Result<Self> {
        let mut attachments = BTreeMap::new();
        for (name, value) in item.extract_if(|name, _| name.starts_with(ATTACHMENT)) {
            let created_at = attached_by(&name)?;
            let file = from_attribute_value(value).map_err(Error::internal)?;
            attachments.insert(created_at, file);
        }
        let mut reactions = BTreeMap::new();
        for (name, value) in item.extract_if(|name, _| name.starts_with(REACTION)) {
            let emoji = name[REACTION.len()..].to_owned();
            let contacts: Vec<ContactId> = from_attribute_value(value).map_err(Error::internal)?;
            reactions.insert(emoji, contacts.into_iter().collect());
        }
        Ok(Self {
            reactions,
            attachments,
            ..from_item(item)?
        })
    }

    /// The ids of its attachments.
    pub fn attachment_ids(&self) -> Vec<AttachmentId> {
        let created = self.attachments.keys();
        created
            .map(|&created_at| AttachmentId::new(created_at, self.conversation_id))
            .collect()
    }

    /// The place of the next attachment.
    pub fn next_place(&self) -> u64 {
        let places = self.attachments.values().map(|file| file.place);
        places.max().map_or(0, |last| last + 1)
    }

    /// The condition that it has its author and exactly these attachments.
    pub fn has_same_attachments(&self) -> Condition {
        let author = (":author", string_attr(self.contact_id));
        match self.attachments_version {
            None => (
                "contact_id = :author AND attribute_not_exists(attachments_version)".to_owned(),
                vec![author],
            ),
            Some(version) => (
                "contact_id = :author AND attachments_version = :attachments_version".to_owned(),
                vec![author, (":attachments_version", number_attr(version))],
            ),
        }
    }

    /// The condition that deleting it has to delete the same other items as when it was loaded.
    pub fn has_same_related_items(&self) -> Condition {
        let (attachments, mut values) = self.has_same_attachments();
        let pin = self.has_same_pin();
        let (edits, count) = self.has_same_edits();
        values.extend(count);
        (format!("{attachments} AND {pin} AND {edits}"), values)
    }

    /// The condition that no edit has been recorded since.
    pub fn has_same_edits(&self) -> (&'static str, Option<(&'static str, AttributeValue)>) {
        match self.edits {
            None => ("attribute_not_exists(edits)", None),
            Some(count) => ("edits = :edits", Some((":edits", number_attr(count)))),
        }
    }

    /// The condition that it has been neither pinned nor unpinned.
    pub fn has_same_pin(&self) -> &'static str {
        if self.is_pinned {
            "attribute_exists(is_pinned)"
        } else {
            "attribute_not_exists(is_pinned)"
        }
    }

    /// The condition that it is in this version.
    pub fn is_in_same_version(&self) -> Condition {
        let version = number_attr(self.version.0);
        ("version = :version".to_owned(), vec![(":version", version)])
    }

    pub fn id(&self) -> MessageId {
        MessageId::new(self.created_at, self.conversation_id)
    }

    /// The message that it replies to.
    pub fn quoted_id(&self) -> Option<MessageId> {
        self.reply_to
            .map(|created_at| MessageId::new(created_at, self.conversation_id))
    }

    /// The contacts that the message displays itself: its author and those who reacted.
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
        const ATTACHMENT: usize = 2048; // filename, type, URL, the keys
        const REST: usize = 2048 + Metadata::MAX_JSON_LEN; // the sender, the keys
        const QUOTE: usize = REST + MAX_EXCERPT * 8;
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
        let attachments = self.attachments.len() * ATTACHMENT;
        let quote = self.reply_to.map_or(0, |_| QUOTE);
        let metadata = self.metadata.max_json_len();
        text + reactions.sum::<usize>() + attachments + quote + metadata + REST
    }

    /// The message as the viewer sees it. Reactions of erased contacts are left out.
    pub fn render(self, viewer: Viewer, displayed: &Displayed) -> Message {
        let profiles = &displayed.profiles;
        let reply_to = self.quoted_id();
        let username = |id: &ContactId| {
            let profile: Option<&Profile> = profiles.get(id);
            profile?.username().map(str::to_owned)
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
            contact: viewer.contact(profiles, self.contact_id),
            sent_by: match self.key_id {
                None => SentBy::Contact,
                Some(_) => SentBy::Key,
            },
            message: self.message,
            reactions: Reactions(
                reactions
                    .filter(|(_, usernames)| !usernames.is_empty())
                    .collect(),
            ),
            reply_to: reply_to.and_then(|id| displayed.quote(id, viewer)),
            attachments: attachments(id, self.attachments),
            metadata: self.metadata,
            is_pinned: self.is_pinned,
            read_at: self.read_at.map(Into::into),
            created_at: self.created_at.into(),
            edited_at: self.edited_at.map(Into::into),
            updated_at: self.updated_at.map(Into::into),
            version: self.version,
        }
    }
}

/// The attachments of a message, in their order.
fn attachments(message: MessageId, files: BTreeMap<Micros, AttachedFile>) -> Vec<Attachment> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(_, file)| file.place);
    let files = files.into_iter().map(|(created_at, file)| {
        let id = AttachmentId::new(created_at, message.conversation());
        Attachment {
            id,
            message_id: Some(message),
            filename: file.filename,
            file_url: FileUrl(id),
            file_type: file.file_type,
            file_size: file.file_size,
            created_at: created_at.into(),
        }
    });
    files.collect()
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
