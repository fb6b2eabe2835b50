//! The audit log, for those who may read it.

use super::{Caller, Error, Rights, Service};
use crate::domain::audit::{Entry, Filter};
use crate::domain::page::{Page, PageRequest};

impl Service {
    /// Entries, newest first, and how many there are; with `most` they are counted up to one more than that.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for anybody but staff.
    pub async fn list_audit(
        &self,
        filter: Filter,
        page: PageRequest,
        most: Option<u32>,
        caller: &Caller,
    ) -> Result<Page<Entry>, Error> {
        caller.require(Rights::Staff)?;
        self.db(move |store| store.list_audit(&filter, page, most)).await
    }
}
