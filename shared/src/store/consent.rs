//! Whether a contact may begin a conversation with others, or add them to one.
//!
//! Contacts who know each other accept at once, up to [`MAX_ACCEPTED_AT_ONCE`] participants. Everyone else
//! is pending until they accept. A contact can refuse: it has blocked the caller, or it left or declined a
//! conversation with the caller within the last day. The deployment can refuse, too ([`WhoMayBegin`]).

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::join;

use super::Store;
use super::dynamodb::item::number_attr;
use super::dynamodb::update::Update;
use super::items::acquaintance;
use super::items::conversation::ConversationItem;
use crate::caller::Caller;
use crate::contact::Profile;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::time::Micros;

/// The most participants of a conversation in which acquaintances need not accept. It bounds the writes that
/// record acquaintances: two per pair of participants.
const MAX_ACCEPTED_AT_ONCE: usize = 16;

/// How long a contact that left or declined cannot be asked again.
pub(super) const DECLINE_DURATION: Duration = Duration::from_hours(24);

/// With whom contacts may begin conversations, and whom they may add: a parameter of the deployment. The operator's
/// server may begin any on behalf of a contact.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhoMayBegin {
    /// Everyone with everyone.
    #[default]
    Anyone,
    /// Those who share a conversation already.
    Acquaintances,
    /// No contact: only the operator's server creates conversations.
    Nobody,
}

impl FromStr for WhoMayBegin {
    type Err = InvalidWhoMayBegin;

    fn from_str(text: &str) -> Result<Self, InvalidWhoMayBegin> {
        match text {
            "anyone" => Ok(Self::Anyone),
            "acquaintances" => Ok(Self::Acquaintances),
            "nobody" => Ok(Self::Nobody),
            _ => Err(InvalidWhoMayBegin),
        }
    }
}

/// The text is not a value of the parameter.
#[derive(Debug, thiserror::Error)]
#[error("must be anyone, acquaintances or nobody")]
pub struct InvalidWhoMayBegin;

/// What others say to being asked by a contact.
pub(super) struct Consent {
    /// Whether the operator's server asks on behalf of the contact: then nobody has to accept.
    is_asked_by_server: bool,
    acquainted: BTreeSet<ContactId>,
    refused_by: BTreeSet<ContactId>,
    /// The profiles of all, the contact included.
    pub profiles: HashMap<ContactId, Profile>,
}

impl Consent {
    /// Whether the contact knows this one, so that it may mention it by its id. The operator's server knows all.
    pub fn may_know(&self, other: ContactId) -> bool {
        let profile = self.profiles.get(&other);
        let exists = profile.is_some_and(|profile| profile.username().is_some());
        exists && (self.is_asked_by_server || self.acquainted.contains(&other))
    }

    /// Fails if one of these refuses, or is suspended: then it cannot be added to anything, so that its erasure comes to
    /// an end.
    ///
    /// # Errors
    ///
    /// [`Error::MentionNotFound`]; [`Error::NotAcceptingMessages`].
    pub fn ensure_given_by(&self, others: &BTreeSet<ContactId>) -> Result<()> {
        let mut profiles = others.iter().filter_map(|id| self.profiles.get(id));
        if let Some(suspended) = profiles.find(|profile| profile.is_suspended()) {
            let mention = suspended.username().unwrap_or_default().to_owned();
            return Err(Error::MentionNotFound { mention });
        }
        let Some(id) = others.intersection(&self.refused_by).next() else {
            return Ok(());
        };
        let username = self.profiles.get(id).and_then(Profile::username);
        Err(Error::NotAcceptingMessages {
            username: Some(username.unwrap_or_default().to_owned()),
        })
    }

    /// Which of these new participants have to accept, in a conversation of this size.
    pub fn pending(&self, new: &BTreeSet<ContactId>, size: usize) -> BTreeSet<ContactId> {
        if size > MAX_ACCEPTED_AT_ONCE {
            new.clone()
        } else if self.is_asked_by_server {
            BTreeSet::new()
        } else {
            new.difference(&self.acquainted).copied().collect()
        }
    }
}

impl Store {
    /// Asks others on behalf of a contact, which the caller acts for. One round trip.
    pub(super) async fn consent_of(
        &self,
        others: &BTreeSet<ContactId>,
        contact: ContactId,
        caller: &Caller,
    ) -> Result<Consent> {
        let is_asked_by_server = caller.is_server();
        let mut all = others.clone();
        all.insert(contact);
        let reads = join(
            self.load_acquaintances(contact, others),
            self.load_profiles(&all),
        );
        let (known, profiles) = reads.await;
        let (known, profiles) = (known?, profiles?);
        let now = self.clock.now();
        let refuses = |other: &ContactId| {
            let is_stranger = !known.acquainted.contains(other);
            let has_blocked = profiles[other].has_blocked(contact);
            let has_declined = known
                .declined_until
                .get(other)
                .is_some_and(|&end| end > now);
            let is_forbidden = match self.who_may_begin {
                _ if is_asked_by_server => false,
                WhoMayBegin::Anyone => false,
                WhoMayBegin::Acquaintances => is_stranger,
                WhoMayBegin::Nobody => true,
            };
            has_blocked || has_declined || is_forbidden
        };
        Ok(Consent {
            is_asked_by_server,
            refused_by: others.iter().copied().filter(refuses).collect(),
            acquainted: known.acquainted,
            profiles,
        })
    }

    /// Remembers that a contact left or declined, so that the one who asked cannot ask again for a day: who
    /// added it, whether it has accepted that or not, and whether that one is still there; of two, the other one,
    /// for a contact that nobody added. Up to three round trips.
    pub(super) async fn remember_decline(
        &self,
        conversation: &ConversationItem,
        contact: ContactId,
        declined_at: Micros,
    ) -> Result<()> {
        let membership = self.membership(contact, conversation.id).await?;
        let added_by = membership.and_then(|membership| membership.added_by);
        let added_by = added_by.or(conversation.creator);
        let mut others = conversation.participants.iter().copied();
        let other_of_two = others
            .find(|&other| other != contact)
            .filter(|_| conversation.is_between_two());
        let asked_by = added_by.filter(|&other| other != contact);
        let Some(asked_by) = asked_by.or(other_of_two) else {
            return Ok(());
        };
        self.decline(contact, asked_by, declined_at).await?;
        let are_acquainted =
            [contact, asked_by].map(|one| conversation.has_accepted(one)) == [true; 2];
        if are_acquainted {
            return Ok(()); // until the cleanup
        }
        self.expire_unless_acquainted(contact, asked_by).await
    }

    /// Does not let a contact ask another one for a day.
    pub(super) async fn decline(
        &self,
        contact: ContactId,
        asked_by: ContactId,
        declined_at: Micros,
    ) -> Result<()> {
        let key = acquaintance::key(contact, asked_by);
        let condition = "attribute_not_exists(declined_until) OR declined_until < :until";
        let update = "SET declined_until = :until";
        Update::new(&self.tables.acquaintances, key, update, condition)
            .value(":until", number_attr(declined_at.after(DECLINE_DURATION).0))
            .send(&self.db)
            .await
            .map(drop)
    }
}
