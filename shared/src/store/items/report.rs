//! The table of reports: `list` and `id` are the key.
//!
//! A report is in the list `open`, and moves to `resolved`. Who reported a message has a second item, whose `list` is
//! `message:` and the message, and whose `id` is the contact: so each contact reports a message once.

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, MessageId, ReportId};
use crate::report::{Report, ReportReceipt};
use crate::store::dynamodb::item::{Item, string_attr};
use crate::time::Micros;

/// Which reports a list has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportList {
    Open,
    Resolved,
}

impl ReportList {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

#[derive(Clone, Deserialize, Serialize)]
pub struct ReportItem {
    pub list: ReportList,
    pub id: ReportId,
    pub message_id: MessageId,
    /// The author.
    pub contact_id: ContactId,
    /// The beginning of the text, as it was reported.
    #[serde(default)]
    pub message: String,
    pub reported_by: ContactId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub created_at: Micros,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
}

impl ReportItem {
    pub fn render(self) -> Report {
        Report {
            id: self.id,
            message_id: self.message_id,
            conversation_id: self.message_id.conversation(),
            contact_id: self.contact_id,
            message: self.message,
            reported_by: self.reported_by,
            reason: self.reason,
            created_at: self.created_at.into(),
            resolved_at: self.resolved_at.map(Into::into),
            resolution: self.resolution,
        }
    }
}

/// That a contact has reported a message.
#[derive(Deserialize, Serialize)]
pub struct ReporterItem {
    list: String,
    id: ContactId,
    report_id: ReportId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    created_at: Micros,
}

impl ReporterItem {
    pub fn new(report: &ReportItem) -> Self {
        Self {
            list: list_of_message(report.message_id),
            id: report.reported_by,
            report_id: report.id,
            reason: report.reason.clone(),
            created_at: report.created_at,
        }
    }

    pub fn render(self, message: MessageId) -> ReportReceipt {
        ReportReceipt {
            id: self.report_id,
            message_id: message,
            reason: self.reason,
            created_at: self.created_at.into(),
        }
    }
}

fn list_of_message(message: MessageId) -> String {
    format!("message:{message}")
}

pub fn key(list: ReportList, id: ReportId) -> Item {
    Item::from([
        ("list".to_owned(), string_attr(list.as_str())),
        ("id".to_owned(), string_attr(id)),
    ])
}

pub fn reporter_key(message: MessageId, reporter: ContactId) -> Item {
    Item::from([
        ("list".to_owned(), string_attr(list_of_message(message))),
        ("id".to_owned(), string_attr(reporter)),
    ])
}
