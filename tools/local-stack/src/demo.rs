//! The demo data of the local stack: the people of the reference, and what they wrote.

use std::collections::BTreeMap;

use shared::caller::Caller;
use shared::contact::Username;
use shared::id::{ConversationId, MessageId};
use shared::message::Emoji;
use shared::store::{Admin, MessageUpdate, NewContact};
use shared::time::{Clock, Seconds};
use shared::token::Label;
use shared::{Error, Result, Store};

/// Somebody to try the API as.
#[derive(Debug)]
pub struct Person {
    /// Its id.
    pub id: &'static str,
    /// Its username.
    pub username: &'static str,
    /// Its bearer token, good in the local stack only.
    pub token: &'static str,
    phone_number: &'static str,
    avatar_url: &'static str,
}

/// All who are there; the last is an outsider to the others' conversation.
pub const PEOPLE: [Person; 4] = [
    Person {
        id: "WAz8eIbvDR60rouK",
        username: "KevinMcCallister",
        token: "citypay_demo_kevin",
        phone_number: "1-800-759-3000",
        avatar_url: "https://example.com/avatars/kevin.jpg",
    },
    Person {
        id: "hSIhXBhNe8X1d8Et",
        username: "KateMcCallister",
        token: "citypay_demo_kate",
        phone_number: "1-800-759-3001",
        avatar_url: "https://example.com/avatars/kate.jpg",
    },
    Person {
        id: "inEIRvzjC6YLMX3o",
        username: "LinnieMcCallister",
        token: "citypay_demo_linnie",
        phone_number: "1-800-759-3002",
        avatar_url: "https://example.com/avatars/linnie.jpg",
    },
    Person {
        id: "Buzz0McCallister",
        username: "BuzzMcCallister",
        token: "citypay_demo_buzz",
        phone_number: "1-800-759-3003",
        avatar_url: "https://example.com/avatars/buzz.jpg",
    },
];

/// The conversation of all but the last.
pub const CONVERSATION: &str = "xgQQXg3hrtjh7AvZ";

/// The conversation of the last, alone.
const BUZZ_ALONE: &str = "BuzzTalksToBuzz0";

/// A day before the first message.
const BEGUN: Seconds = Seconds(692_146_800);
const SENT: Seconds = Seconds(692_233_200);
const ANSWERED: Seconds = Seconds(692_233_260);
const READ: Seconds = Seconds(705_103_200);

/// The two messages of the conversation: Kevin's, and Linnie's answer.
///
/// # Errors
///
/// Never: its parts are constants.
pub fn messages() -> Result<[MessageId; 2]> {
    let conversation = id(CONVERSATION)?;
    Ok([SENT, ANSWERED].map(|moment| MessageId::new(moment.into(), conversation)))
}

/// Puts the demo data into a store that has none; a store that has it, changed or not, is left alone.
///
/// # Errors
///
/// As the store fails.
pub async fn load(store: &Store) -> Result<()> {
    let [kevin, kate, linnie, buzz] = PEOPLE
        .each_ref()
        .map(|person| Caller::with_token(person.token));
    // The token written last tells that all the rest is there.
    if store.authenticate(&buzz).await.is_ok() {
        return Ok(());
    }
    for person in &PEOPLE {
        let admin = Admin::new(store.clone());
        once(admin.create_contact(person.contact()?).await)?;
    }
    let [family @ .., loner] = &PEOPLE;
    let family = family
        .iter()
        .map(|person| id(person.id))
        .collect::<Result<_>>()?;
    let alone = [id(loner.id)?].into();
    for (conversation, participants) in [(CONVERSATION, family), (BUZZ_ALONE, alone)] {
        let admin = Admin::new(at(store, BEGUN));
        once(
            admin
                .create_conversation(id(conversation)?, participants, None)
                .await,
        )?;
    }
    for (caller, person) in [
        (&kevin, &PEOPLE[0]),
        (&kate, &PEOPLE[1]),
        (&linnie, &PEOPLE[2]),
    ] {
        admit(store, caller, person).await?;
    }
    talk(store, [&kevin, &kate, &linnie]).await?;
    admit(store, &buzz, loner).await
}

/// The store, as it was then.
fn at(store: &Store, moment: Seconds) -> Store {
    store.clone().with_clock(Clock::new(move || moment.into()))
}

/// Lets whoever holds the caller's token act as this person.
async fn admit(store: &Store, caller: &Caller, person: &Person) -> Result<()> {
    let label = parsed::<Label>("demo")?;
    let admin = Admin::new(store.clone());
    let added = admin
        .import_token(caller, id(person.id)?, label, None)
        .await;
    once(added.map(drop))
}

/// The reference's messages, sent at its times.
async fn talk(store: &Store, [kevin, kate, linnie]: [&Caller; 3]) -> Result<()> {
    let conversation: ConversationId = id(CONVERSATION)?;
    if store.get_message(kevin, messages()?[0]).await.is_ok() {
        return Ok(());
    }
    let sent = at(store, SENT)
        .create_message(
            kevin,
            conversation,
            parsed("It’s a nice night for a neck injury.")?,
            None,
        )
        .await?;
    at(store, ANSWERED)
        .create_message(
            linnie,
            conversation,
            parsed("You’re what the French call ‘les incompetents.’")?,
            None,
        )
        .await?;
    let kate_name = parsed::<Username>(PEOPLE[1].username)?;
    let angry = parsed::<Emoji>("red_angry_face")?;
    let reactions = BTreeMap::from([(angry, vec![kate_name])]);
    at(store, READ)
        .update_message(
            kate,
            sent.message.id,
            &MessageUpdate {
                reactions,
                read: true,
                message: None,
                expected: None,
            },
        )
        .await?;
    Ok(())
}

impl Person {
    fn contact(&self) -> Result<NewContact> {
        Ok(NewContact {
            id: id(self.id)?,
            username: parsed(self.username)?,
            phone_number: Some(parsed(self.phone_number)?),
            avatar_url: Some(parsed(self.avatar_url)?),
            last_active_at: Some(READ.into()),
            created_at: SENT.into(),
        })
    }
}

fn id<T: std::str::FromStr<Err = shared::id::InvalidId>>(text: &str) -> Result<T> {
    text.parse().map_err(Error::internal)
}

fn parsed<T>(text: &str) -> Result<T>
where
    T: TryFrom<String, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(text.to_owned()).map_err(Error::internal)
}

/// What is there already need not be added again.
fn once(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::AlreadyExists) => Ok(()),
        outcome => outcome,
    }
}
