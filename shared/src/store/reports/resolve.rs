use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::id::ReportId;
use crate::key::Scope;
use crate::report::{Remark, Report};
use crate::store::Store;
use crate::store::dynamodb::batch::BatchGet;
use crate::store::dynamodb::item::string_attr;
use crate::store::dynamodb::transaction::{delete_if, put, put_if};
use crate::store::items::report::{ReportItem, ReportList, key};

impl Store {
    /// Resolves a report, or changes the resolution of one that is resolved. Four round trips: key; report; audit
    /// trail; transaction.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ReportNotFound`].
    pub async fn resolve_report(
        &self,
        caller: &Caller,
        id: ReportId,
        resolution: Remark,
    ) -> Result<Report> {
        self.authenticate_key(caller, Scope::Moderate).await?;
        let table = &self.tables.reports;
        let keys = [ReportList::Open, ReportList::Resolved].map(|list| key(list, id));
        let mut items = BatchGet::default().keys(table, keys).send(&self.db).await?;
        let report: Option<ReportItem> = items.take(table)?.pop();
        let report = report.ok_or(Error::ReportNotFound)?;
        self.audit(caller, id).await?;
        let resolved = ReportItem {
            list: ReportList::Resolved,
            resolved_at: report.resolved_at.or(Some(self.clock.now())),
            resolution: Some(resolution.into()),
            ..report.clone()
        };
        let items = match report.list {
            ReportList::Open => {
                let open = key(ReportList::Open, id);
                let delete = delete_if(table, open, "id", string_attr(id))?;
                vec![put(table, &resolved)?, delete]
            }
            ReportList::Resolved => vec![put_if(table, &resolved, "attribute_exists(id)", &[])?],
        };
        // If another request has resolved it meanwhile, its resolution stays; an erased one stays erased.
        if self.transact(items).await? {
            return Ok(resolved.render());
        }
        let resolved = BatchGet::default().keys(table, [key(ReportList::Resolved, id)]);
        let mut items = resolved.send(&self.db).await?;
        let report: Option<ReportItem> = items.take(table)?.pop();
        report.map(ReportItem::render).ok_or(Error::ReportNotFound)
    }
}
