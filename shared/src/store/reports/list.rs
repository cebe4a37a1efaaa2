use crate::caller::Caller;
use crate::error::Result;
use crate::id::ReportId;
use crate::key::Scope;
use crate::page::{Cursor, Limit, Page};
use crate::report::{MAX_REPORTED, Report};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::report::{ReportItem, ReportList};

/// The most bytes that a report takes in a response; a page of reports is never too large.
const MAX_JSON_LEN: usize = 8 * 1024 + MAX_REPORTED * 8;

impl Store {
    /// Returns a page of the open or the resolved reports, newest first. Two round trips: key; reports.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`](crate::Error::KeyRequired); [`Error::ScopeMissing`](crate::Error::ScopeMissing).
    pub async fn list_reports(
        &self,
        caller: &Caller,
        is_resolved: bool,
        cursor: Option<Cursor<ReportId>>,
        limit: Limit,
    ) -> Result<Page<Report>> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        let list = if is_resolved {
            ReportList::Resolved
        } else {
            ReportList::Open
        };
        let direction = Cursor::direction(cursor.as_ref());
        let reports = Partition {
            table: &self.tables.reports,
            key: ("list", list.as_str()),
            sort_key: "id",
            order: Order::Descending,
        };
        let items = reports.items(&self.db, cursor, limit.get() + 1).await?;
        let reports = items.into_iter().map(ReportItem::render).collect();
        Ok(Page::of(reports, limit, direction, |_| MAX_JSON_LEN))
    }
}
