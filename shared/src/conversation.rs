//! A conversation: who may read and write in it.

use std::collections::BTreeSet;

use crate::id::{ContactId, ConversationId};

/// A conversation has at most this many participants, so that a send is one transaction.
pub const MAX_PARTICIPANTS: usize = 90;

/// A conversation and those who take part in it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Names the conversation.
    pub id: ConversationId,
    /// 1 to [`MAX_PARTICIPANTS`] contacts; to all others it does not exist.
    pub participants: BTreeSet<ContactId>,
}
