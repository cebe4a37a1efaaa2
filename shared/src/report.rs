//! A report of a message, for the operator's moderators.

use serde::{Deserialize, Serialize};

use crate::characters::is_invisible;
use crate::id::{ContactId, ConversationId, MessageId, ReportId};
use crate::time::Seconds;

/// The longest reason and the longest resolution, in characters.
const MAX_REMARK: usize = 500;

/// How much of the text of a message a report keeps, in characters.
pub const MAX_REPORTED: usize = 1_000;

/// A report of a message.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its id. Ids sort by the time of the report.
    pub id: ReportId,
    /// The message, which may have been deleted meanwhile.
    pub message_id: MessageId,
    /// The conversation of the message.
    pub conversation_id: ConversationId,
    /// The author of the message.
    pub contact_id: ContactId,
    /// The first [`MAX_REPORTED`] characters of the text, as it was when it was reported.
    pub message: String,
    /// The participant who reported it.
    pub reported_by: ContactId,
    /// Why.
    pub reason: Option<String>,
    /// When it was reported.
    pub created_at: Seconds,
    /// When it was resolved.
    pub resolved_at: Option<Seconds>,
    /// What was done about it.
    pub resolution: Option<String>,
}

/// A report as the participant who made it sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ReportReceipt {
    /// Its id.
    pub id: ReportId,
    /// The message.
    pub message_id: MessageId,
    /// Why.
    pub reason: Option<String>,
    /// When it was reported.
    pub created_at: Seconds,
}

/// Why a message is reported, or what was done about it: 1 to 500 characters, one of them visible.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Remark(String);

/// Why a text is not a remark.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRemark {
    /// Nobody would see it.
    #[error("must not be empty, or only white space or invisible characters")]
    Invisible,
    /// It is too long.
    #[error("must be at most {MAX_REMARK} characters, was {len}")]
    TooLong {
        /// Its length in characters.
        len: usize,
    },
}

impl TryFrom<String> for Remark {
    type Error = InvalidRemark;

    fn try_from(text: String) -> Result<Self, InvalidRemark> {
        let len = text.chars().count();
        if len > MAX_REMARK {
            Err(InvalidRemark::TooLong { len })
        } else if is_invisible(&text) {
            Err(InvalidRemark::Invisible)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Remark> for String {
    fn from(remark: Remark) -> Self {
        remark.0
    }
}
