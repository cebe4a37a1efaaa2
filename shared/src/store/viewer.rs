//! Who sees what of a contact: the one rule for every response.

use std::collections::HashMap;

use super::items::conversation::ConversationItem;
use crate::contact::{Contact, Profile, Relation};
use crate::id::ContactId;

/// Whom a response is for.
#[derive(Clone, Copy)]
pub enum Viewer<'a> {
    /// A participant of the conversation that the response is about.
    Participant {
        caller: ContactId,
        conversation: &'a ConversationItem,
    },
    /// The operator, or a moderator.
    Operator,
}

impl<'a> Viewer<'a> {
    /// A participant of a conversation, or the operator.
    pub fn new(participant: Option<ContactId>, conversation: &'a ConversationItem) -> Self {
        match participant {
            Some(caller) => Self::Participant {
                caller,
                conversation,
            },
            None => Self::Operator,
        }
    }

    /// The contact that the viewer is, if it is one.
    pub fn caller(&self) -> Option<ContactId> {
        match self {
            Self::Participant { caller, .. } => Some(*caller),
            Self::Operator => None,
        }
    }

    /// The contact as the viewer sees it.
    pub fn contact(&self, profiles: &HashMap<ContactId, Profile>, id: ContactId) -> Contact {
        match self {
            Self::Operator => profile_of(profiles, id).shown_to(Relation::Operator),
            Self::Participant {
                caller,
                conversation,
            } => {
                // A response about a conversation does not look for other conversations of the two.
                let both = [*caller, id];
                let relation = if both.iter().all(|&id| conversation.has_accepted(id)) {
                    Relation::Acquainted
                } else {
                    Relation::Stranger
                };
                shown_to(*caller, profiles, id, relation)
            }
        }
    }
}

/// A contact as the caller sees it: all of itself; of another contact what their relation allows, and only the
/// public part if one of the two has blocked the other. Without the caller's own profile in `profiles` it is not
/// known whom the caller has blocked: then only the public part, too.
pub fn shown_to(
    caller: ContactId,
    profiles: &HashMap<ContactId, Profile>,
    id: ContactId,
    relation: Relation,
) -> Contact {
    let profile = profile_of(profiles, id);
    let own = profiles.get(&caller).filter(|own| own.username().is_some());
    let is_blocked = profile.has_blocked(caller) || own.is_none_or(|own| own.has_blocked(id));
    profile.shown_to(if caller == id {
        Relation::Acquainted
    } else if is_blocked {
        Relation::Stranger
    } else {
        relation
    })
}

fn profile_of(profiles: &HashMap<ContactId, Profile>, id: ContactId) -> Profile {
    let profile = profiles.get(&id).cloned();
    profile.unwrap_or_else(|| Profile::erased(id))
}
