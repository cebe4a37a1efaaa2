//! The audit trail: what server keys did.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::id::{AuditEntryId, ContactId, ConversationId, TokenId};
use crate::time::{Micros, Seconds};

/// What a server key did.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// Its id. Ids sort by time.
    pub id: AuditEntryId,
    /// The server key.
    pub key_id: TokenId,
    /// The operation: `delete-message`.
    pub operation: String,
    /// What it was done to: an id, of a kind that depends on the operation.
    pub target: Option<String>,
    /// What was changed, if the operation does not say it: `closed` or `reopened`, `suspended` or `reinstated`, or the
    /// id of the participant who was removed.
    pub detail: Option<String>,
    /// The contact that the server acted for.
    pub on_behalf_of: Option<ContactId>,
    /// The id of the request, which the log has, too.
    pub request_id: String,
    /// When.
    pub created_at: Seconds,
}

/// A day in UTC: `2026-11-29`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(String);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub fn of(moment: Micros) -> Self {
        let seconds = i64::try_from(Seconds::from(moment).0).unwrap_or(i64::MAX);
        let moment = DateTime::from_secs(seconds).fmt(Format::DateTime);
        // A moment has at most the year 2398: see `Micros::MAX`.
        let mut day = moment.unwrap_or_default();
        day.truncate("2026-11-29".len());
        Self(day)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a day.
#[derive(Debug, thiserror::Error)]
#[error("must be a day in UTC: YYYY-MM-DD")]
pub struct InvalidDay;

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        let midnight = format!("{text}T00:00:00Z");
        match DateTime::from_str(&midnight, Format::DateTime) {
            Ok(_) if text.len() == "2026-11-29".len() => Ok(Self(text)),
            _ => Err(InvalidDay),
        }
    }
}

/// The request that is handled, as an entry of the audit trail has it.
#[derive(Clone, Debug)]
pub(crate) struct AuditedRequest {
    pub operation: &'static str,
    pub request_id: String,
    /// The id in its path, or else of the conversation that it names.
    pub target: OnceLock<String>,
    /// The participant in its path.
    pub participant: Option<ContactId>,
    /// Whether it may change something.
    pub is_change: bool,
}

tokio::task_local! {
    static CURRENT: AuditedRequest;
}

/// Runs `work`, which handles this request.
pub(crate) async fn scope<F: Future>(request: AuditedRequest, work: F) -> F::Output {
    CURRENT.scope(request, work).await
}

/// Makes a conversation the target of the request that is handled, unless its path has an id.
pub(crate) fn set_target(conversation: ConversationId) {
    // Outside of a request, nothing is recorded.
    let _ = CURRENT.try_with(|request| {
        request.target.get_or_init(|| conversation.to_string());
    });
}

/// The request that is handled; none outside of one.
pub(crate) fn current() -> Option<AuditedRequest> {
    CURRENT.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_day_and_a_day_is_parsed() {
        let day = Day::of(Micros(1_795_996_799_999_999));
        assert_eq!(day.as_str(), "2026-11-29");
        assert_eq!(
            Day::of(Micros(1_795_996_800_000_000)).as_str(),
            "2026-11-30"
        );
        assert!(Day::try_from("2028-02-29".to_owned()).is_ok());
        for invalid in [
            "",
            "2026-02-30",
            "2026-11-29T00",
            "26-11-29",
            "2026-11-9",
            "+2026-11-29",
        ] {
            assert!(Day::try_from(invalid.to_owned()).is_err(), "{invalid}");
        }
    }
}
