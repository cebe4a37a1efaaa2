//! The demo data of the local stack: the contacts, messages and the attachment of the examples in docs/endpoints.md.

use std::collections::BTreeMap;

use shared::attachment::{FileSize, NewFile};
use shared::caller::Caller;
use shared::contact::Username;
use shared::id::{AttachmentId, ConversationId, MessageId};
use shared::key::Scope;
use shared::message::{Emoji, Text};
use shared::metadata::Metadata;
use shared::store::{Admin, ContactProfile, MessageUpdate, NewContact, NewMessage};
use shared::time::{Clock, Micros, Seconds};
use shared::token::Label;
use shared::{Error, Result, Store};

use crate::bucket::Bucket;

/// A contact of the demo data.
#[derive(Debug)]
pub struct DemoContact {
    /// The contact's id.
    pub id: &'static str,
    /// The contact's username.
    pub username: &'static str,
    /// The contact's bearer token, valid in a local stack only.
    pub token: &'static str,
    phone_number: &'static str,
    avatar_url: &'static str,
}

/// The demo contacts. All but the last are participants of [`CONVERSATION_ID`].
pub const CONTACTS: [DemoContact; 4] = [
    DemoContact {
        id: "WAz8eIbvDR60rouK",
        username: "KevinMcCallister",
        token: "citypay_demo_kevin",
        phone_number: "1-800-759-3000",
        avatar_url: "https://example.com/avatars/kevin.jpg",
    },
    DemoContact {
        id: "hSIhXBhNe8X1d8Et",
        username: "KateMcCallister",
        token: "citypay_demo_kate",
        phone_number: "1-800-759-3001",
        avatar_url: "https://example.com/avatars/kate.jpg",
    },
    DemoContact {
        id: "inEIRvzjC6YLMX3o",
        username: "LinnieMcCallister",
        token: "citypay_demo_linnie",
        phone_number: "1-800-759-3002",
        avatar_url: "https://example.com/avatars/linnie.jpg",
    },
    DemoContact {
        id: "Buzz0McCallister",
        username: "BuzzMcCallister",
        token: "citypay_demo_buzz",
        phone_number: "1-800-759-3003",
        avatar_url: "https://example.com/avatars/buzz.jpg",
    },
];

/// The server key of the demo data, with all scopes, valid in a local stack only.
pub const SERVER_KEY: &str = "citypay_sk_demo";

/// The conversation of Kevin, Kate and Linnie.
pub const CONVERSATION_ID: &str = "xgQQXg3hrtjh7AvZ";

/// The file that is sent with the first message.
const HOUSE: &[u8] = include_bytes!("../demo/house.png");

/// A conversation with Buzz as its only participant.
const BUZZ_CONVERSATION_ID: &str = "BuzzTalksToBuzz0";

/// When the conversations were created: a day before the first message.
const CREATED_AT: Seconds = Seconds(692_146_800);
const SENT_AT: Seconds = Seconds(692_233_200);
const REPLIED_AT: Seconds = Seconds(692_233_260);
const READ_AT: Seconds = Seconds(705_103_200);

/// Returns the ids of the two messages in [`CONVERSATION_ID`]: Kevin's, then Linnie's reply.
pub fn message_ids() -> Result<[MessageId; 2]> {
    let conversation = id(CONVERSATION_ID)?;
    Ok([SENT_AT, REPLIED_AT].map(|created_at| MessageId::new(created_at.into(), conversation)))
}

/// Whether the demo contacts exist.
///
/// # Errors
///
/// If the table cannot be read.
pub async fn is_loaded(store: &Store) -> Result<bool> {
    let id = CONTACTS[0].id.parse().map_err(Error::internal)?;
    let contact = Admin::new(store.clone()).get_contact(id).await?;
    Ok(contact.is_some())
}

/// Loads the demo data into `store` and `bucket`. Does nothing if it was loaded before, even if it was changed since.
pub async fn load(store: &Store, bucket: &Bucket) -> Result<()> {
    let [kevin, kate, linnie, buzz] = CONTACTS
        .each_ref()
        .map(|contact| Caller::with_token(contact.token));
    import_server_key(store).await?;
    // Buzz's token is written last: if it exists, everything else does.
    if store.authenticate(&buzz).await.is_ok() {
        return Ok(());
    }
    for contact in &CONTACTS {
        let admin = Admin::new(store.clone());
        ignore_existing(admin.create_contact(contact.new_contact()?).await)?;
    }
    let [participants @ .., buzz_contact] = &CONTACTS;
    let participants = participants
        .iter()
        .map(|contact| id(contact.id))
        .collect::<Result<_>>()?;
    let only_buzz = [id(buzz_contact.id)?].into();
    for (conversation, participants) in [
        (CONVERSATION_ID, participants),
        (BUZZ_CONVERSATION_ID, only_buzz),
    ] {
        let admin = Admin::new(store_at(store, CREATED_AT));
        ignore_existing(
            admin
                .create_conversation(id(conversation)?, participants, None)
                .await,
        )?;
    }
    for (caller, contact) in [
        (&kevin, &CONTACTS[0]),
        (&kate, &CONTACTS[1]),
        (&linnie, &CONTACTS[2]),
    ] {
        import_token(store, caller, contact).await?;
    }
    send_messages(store, bucket, [&kevin, &kate, &linnie]).await?;
    import_token(store, &buzz, buzz_contact).await
}

/// Returns the store with its clock stopped at `now`; signatures have the time of the system.
fn store_at(store: &Store, now: impl Into<Micros>) -> Store {
    let now = now.into();
    let stopped = store.clone().with_clock(Clock::new(move || now));
    stopped.with_files(store.files().cloned())
}

/// Uploads the file that is sent with the first message, a microsecond after it, so that their ids differ.
async fn upload(store: &Store, bucket: &Bucket, caller: &Caller) -> Result<AttachmentId> {
    let size = u64::try_from(HOUSE.len()).map_err(Error::internal)?;
    let file = NewFile {
        filename: parse("house.png")?,
        file_type: parse("image/png")?,
        file_size: FileSize::try_from(size).map_err(Error::internal)?,
        sha256: None,
    };
    let Micros(sent_at) = SENT_AT.into();
    let created = store_at(store, Micros(sent_at + 1))
        .create_attachment(caller, id(CONVERSATION_ID)?, file)
        .await?;
    let id = created.attachment.id;
    let stored = bucket.put(id, "image/png", HOUSE);
    stored.map_err(Error::internal).map(|()| id)
}

async fn import_token(store: &Store, caller: &Caller, contact: &DemoContact) -> Result<()> {
    let label = parse::<Label>("demo")?;
    let admin = Admin::new(store.clone());
    let imported = admin
        .import_token(caller, id(contact.id)?, label, None)
        .await;
    ignore_existing(imported.map(drop))
}

/// Sends the two messages, the first with a file; Kate reads it and reacts to it.
async fn send_messages(
    store: &Store,
    bucket: &Bucket,
    [kevin, kate, linnie]: [&Caller; 3],
) -> Result<()> {
    let conversation: ConversationId = id(CONVERSATION_ID)?;
    if store.get_message(kevin, message_ids()?[0]).await.is_ok() {
        return Ok(());
    }
    let house = vec![upload(store, bucket, kevin).await?];
    let text = parse("It’s a nice night for a neck injury.")?;
    let house = house.try_into().map_err(Error::internal)?;
    let message = NewMessage::new(Some(text), house);
    let message = message.ok_or_else(|| Error::internal("it has a text"))?;
    let sent = store_at(store, SENT_AT)
        .create_message(kevin, conversation, message, None)
        .await?;
    store_at(store, REPLIED_AT)
        .create_message(
            linnie,
            conversation,
            parse::<Text>("You’re what the French call ‘les incompetents.’")?.into(),
            None,
        )
        .await?;
    let kate_username = parse::<Username>(CONTACTS[1].username)?;
    let angry = parse::<Emoji>("red_angry_face")?;
    let reactions = BTreeMap::from([(angry, vec![kate_username])]);
    store_at(store, READ_AT)
        .update_message(
            kate,
            sent.message.id,
            &MessageUpdate {
                reactions,
                read: true,
                ..MessageUpdate::default()
            },
        )
        .await?;
    Ok(())
}

async fn import_server_key(store: &Store) -> Result<()> {
    let key = Caller::with_token(SERVER_KEY);
    let scopes = Scope::ALL.into_iter().collect();
    let imported = Admin::new(store.clone())
        .import_key(&key, parse("demo")?, scopes, None)
        .await;
    ignore_existing(imported.map(drop))
}

impl DemoContact {
    fn new_contact(&self) -> Result<NewContact> {
        Ok(NewContact {
            id: id(self.id)?,
            profile: ContactProfile {
                username: parse(self.username)?,
                phone_number: Some(parse(self.phone_number)?),
                avatar_url: Some(parse(self.avatar_url)?),
                metadata: Metadata::default(),
                external_id: None,
            },
            last_active_at: Some(READ_AT.into()),
            created_at: SENT_AT.into(),
        })
    }
}

fn id<T: std::str::FromStr<Err = shared::id::InvalidId>>(text: &str) -> Result<T> {
    text.parse().map_err(Error::internal)
}

fn parse<T>(text: &str) -> Result<T>
where
    T: TryFrom<String, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(text.to_owned()).map_err(Error::internal)
}

/// Treats an item that already exists as success, so that an interrupted load can be repeated.
fn ignore_existing(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::AlreadyExists) => Ok(()),
        outcome => outcome,
    }
}
