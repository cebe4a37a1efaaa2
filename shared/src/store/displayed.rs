//! What messages display besides themselves: contacts, and the messages that they reply to.

use std::collections::{BTreeSet, HashMap};

use super::Store;
use super::dynamodb::batch::BatchGet;
use super::items::message::{self, MessageItem};
use super::viewer::Viewer;
use crate::contact::Profile;
use crate::error::Result;
use crate::id::{ContactId, MessageId};
use crate::message::{MAX_EXCERPT, Quote};

/// The contacts and the quoted messages that a response needs.
#[derive(Default)]
pub struct Displayed {
    pub profiles: HashMap<ContactId, Profile>,
    /// Those that exist.
    quotes: HashMap<MessageId, QuotedMessage>,
}

/// What a reply shows of the message that it quotes.
struct QuotedMessage {
    author: ContactId,
    excerpt: String,
}

impl Displayed {
    /// These contacts, and the quoted message, if there is one.
    pub fn new(profiles: HashMap<ContactId, Profile>, quoted: Option<&MessageItem>) -> Self {
        let quoted = quoted.map(|message| (message.id(), QuotedMessage::of(message)));
        Self {
            profiles,
            quotes: quoted.into_iter().collect(),
        }
    }

    /// A quoted message as the viewer sees it; none if it has been deleted.
    pub fn quote(&self, id: MessageId, viewer: Viewer) -> Option<Quote> {
        let quoted = self.quotes.get(&id)?;
        Some(Quote {
            id,
            contact: viewer.contact(&self.profiles, quoted.author),
            message: quoted.excerpt.clone(),
        })
    }
}

impl QuotedMessage {
    fn of(message: &MessageItem) -> Self {
        Self {
            author: message.contact_id,
            excerpt: message.message.chars().take(MAX_EXCERPT).collect(),
        }
    }
}

impl Store {
    /// Loads these contacts, of which some are known, and what the messages quote. One round trip, none if all of it
    /// is known; one more if the author of a quoted message is none of the contacts.
    pub(super) async fn load_displayed<'a>(
        &self,
        known: HashMap<ContactId, Profile>,
        contacts: &BTreeSet<ContactId>,
        messages: impl IntoIterator<Item = &'a MessageItem>,
    ) -> Result<Displayed> {
        let by_id: HashMap<_, _> = messages
            .into_iter()
            .map(|message| (message.id(), message))
            .collect();
        let ids = by_id.values().filter_map(|message| message.quoted_id());
        let (on_page, to_load): (BTreeSet<_>, BTreeSet<_>) =
            ids.partition(|id| by_id.contains_key(id));
        let missing = contacts.iter().filter(|id| !known.contains_key(id));
        let missing: BTreeSet<_> = missing.copied().collect();
        let batch = self.with_contacts(BatchGet::default(), &missing);
        let batch = batch.keys(&self.tables.messages, to_load.into_iter().map(message::key));
        let mut items = batch.send(&self.db).await?;
        let mut profiles = known;
        profiles.extend(self.take_contacts(&mut items)?.requested(&missing));
        let loaded = self.take_messages(&mut items)?;
        let on_page = on_page.iter().map(|id| by_id[id]);
        let quotes: HashMap<_, _> = on_page
            .chain(loaded.values())
            .map(|message| (message.id(), QuotedMessage::of(message)))
            .collect();
        let authors = quotes.values().map(|quoted| quoted.author).collect();
        Ok(Displayed {
            profiles: self.load_missing_profiles(profiles, &authors).await?,
            quotes,
        })
    }
}
