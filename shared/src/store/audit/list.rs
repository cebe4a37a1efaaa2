use crate::audit::{AuditEntry, Day};
use crate::caller::Caller;
use crate::error::Result;
use crate::id::AuditEntryId;
use crate::key::Scope;
use crate::page::{Cursor, Limit, Page};
use crate::store::Store;
use crate::store::dynamodb::partition::{Order, Partition};
use crate::store::items::audit_entry::AuditEntryItem;

/// The most bytes that an entry takes in a response; a page of entries is never too large.
const MAX_JSON_LEN: usize = 1024;

impl Store {
    /// Returns a page of what server keys did on a day, or today, newest first. Two round trips: key; entries.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`](crate::Error::KeyRequired); [`Error::ScopeMissing`](crate::Error::ScopeMissing).
    pub async fn list_audit_entries(
        &self,
        caller: &Caller,
        day: Option<Day>,
        cursor: Option<Cursor<AuditEntryId>>,
        limit: Limit,
    ) -> Result<Page<AuditEntry>> {
        self.authenticate_key(caller, Scope::Export).await?;
        let day = day.unwrap_or_else(|| Day::of(self.clock.now()));
        let direction = Cursor::direction(cursor.as_ref());
        let entries = Partition {
            table: &self.tables.audit,
            key: ("day", day.as_str()),
            sort_key: "id",
            order: Order::Descending,
        };
        let items = entries.items(&self.db, cursor, limit.get() + 1).await?;
        let entries = items.into_iter().map(AuditEntryItem::render).collect();
        Ok(Page::of(entries, limit, direction, |_| MAX_JSON_LEN))
    }
}
