//! The inconsistencies of attachments, with the messages that show them and with their files.

use std::time::Duration;

use super::inconsistency::Inconsistency;
use super::snapshot::Snapshot;

/// Lambda repeats for a day what removes a file.
const REMOVED_WITHIN: Duration = Duration::from_hours(24);

impl Snapshot {
    pub fn inconsistencies_of_attachments(&self) -> [(&'static str, Vec<Inconsistency>); 4] {
        [
            (
                "attachments without message",
                self.attachments_without_message(),
            ),
            (
                "messages with missing attachments",
                self.missing_attachments(),
            ),
            ("files without attachment", self.files_without_attachment()),
            (
                "sent attachments without file",
                self.attachments_without_file(),
            ),
        ]
    }

    fn attachments_without_message(&self) -> Vec<Inconsistency> {
        let sent = self.attachments.iter();
        let sent = sent.filter_map(|(&id, &message)| Some((id, message?)));
        sent.filter(|(id, message)| self.shown.get(id) != Some(message))
            .filter(|(_, message)| message.created_at() <= self.settled)
            .map(|(id, message)| Inconsistency::AttachmentWithoutMessage(id, message))
            .collect()
    }

    fn missing_attachments(&self) -> Vec<Inconsistency> {
        let shown = self.shown.iter();
        shown
            .filter(|(id, message)| self.attachments.get(id) != Some(&Some(**message)))
            .filter(|(_, message)| message.created_at() <= self.settled)
            .map(|(&id, &message)| Inconsistency::MissingAttachment(message, id))
            .collect()
    }

    fn files_without_attachment(&self) -> Vec<Inconsistency> {
        let day_ago = self.settled.before(REMOVED_WITHIN);
        let files = self.files.iter().flatten();
        files
            .filter(|id| !self.attachments.contains_key(id) && !self.tombstones.contains(id))
            .filter(|id| id.created_at() <= day_ago)
            .map(|&id| Inconsistency::FileWithoutAttachment(id))
            .collect()
    }

    fn attachments_without_file(&self) -> Vec<Inconsistency> {
        let Some(files) = &self.files else {
            return Vec::new();
        };
        let sent = self
            .attachments
            .iter()
            .filter(|(_, message)| message.is_some());
        sent.filter(|(id, _)| !files.contains(id))
            .map(|(&id, _)| Inconsistency::AttachmentWithoutFile(id))
            .collect()
    }
}
