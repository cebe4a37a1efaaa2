use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::{MessageId, ReportId};
use crate::report::{MAX_REPORTED, Remark, ReportReceipt};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::transaction::put_new;
use crate::store::items::report::{ReportItem, ReportList, ReporterItem, reporter_key};

/// What came of reporting a message.
#[derive(Debug)]
pub enum CreatedReport {
    /// The report is new.
    New(ReportReceipt),
    /// The caller has reported the message before.
    Existing(ReportReceipt),
}

impl Store {
    /// Reports a message to the operator's moderators, once per contact. Two round trips: token, message and
    /// conversation; transaction. One more if the caller has reported it before.
    ///
    /// # Errors
    ///
    /// [`Error::MessageNotFound`].
    pub async fn report_message(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: Option<Remark>,
    ) -> Result<CreatedReport> {
        let context = self.load_message_context(caller, id, BatchGet::default());
        let context = context.await?;
        let message = context.message.ok_or(Error::MessageNotFound)?;
        let created_at = self.clock.now();
        let report = ReportItem {
            list: ReportList::Open,
            id: ReportId::new(created_at),
            message_id: id,
            contact_id: message.contact_id,
            message: message.message.chars().take(MAX_REPORTED).collect(),
            reported_by: context.participation.caller,
            reason: reason.map(Into::into),
            created_at,
            resolved_at: None,
            resolution: None,
        };
        let table = &self.tables.reports;
        let reporter = ReporterItem::new(&report);
        let items = vec![
            put_new(table, "id", &reporter)?,
            put_new(table, "id", &report)?,
        ];
        if self.transact(items).await? {
            return Ok(CreatedReport::New(reporter.render(id)));
        }
        let key = reporter_key(id, report.reported_by);
        let batch = BatchGet::default().keys(table, [key]);
        let mut items = batch.send(&self.db).await?;
        let existing: Option<ReporterItem> = items.take(table)?.pop();
        let lost = || Error::internal("a report exists, and does not");
        Ok(CreatedReport::Existing(
            existing.ok_or_else(lost)?.render(id),
        ))
    }
}
