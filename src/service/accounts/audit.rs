//! Reads the audit log, for staff.

use crate::domain::audit::{Entry, Filter};
use crate::domain::page::{Page, PageRequest};
use crate::service::{Accounts, Error, Staff};

impl Accounts {
    /// Entries, newest first, and their number. With `count_limit`, counting stops at one more than that.
    pub async fn list_audit(
        &self,
        filter: Filter,
        page: PageRequest,
        count_limit: Option<u32>,
        _: &Staff,
    ) -> Result<Page<Entry>, Error> {
        self.database.run(move |store| store.list_audit(&filter, page, count_limit)).await
    }
}
