//! Reads the audit log, for staff.

use crate::domain::audit::{ActivityKind, Entry, Filter};
use crate::domain::page::{Page, PageRequest};
use crate::domain::user::User;
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

    /// What was done to a user and by them, newest first. Counting stops at one more than `count_limit`.
    pub async fn list_activity(
        &self,
        user: &User,
        kind: ActivityKind,
        page: PageRequest,
        count_limit: u32,
        _: &Staff,
    ) -> Result<Page<Entry>, Error> {
        let username = user.username.clone();
        self.database.run(move |store| store.list_activity(&username, kind, page, count_limit)).await
    }

    /// The newest login of a user, or refused login with their name.
    pub async fn last_login_attempt(&self, user: &User, _: &Staff) -> Result<Option<Entry>, Error> {
        let username = user.username.clone();
        self.database.run(move |store| store.last_login_attempt(&username)).await
    }

    /// When an inactive user was deactivated and by whom, as far as the audit log knows.
    pub async fn last_deactivation(&self, user: &User, _: &Staff) -> Result<Option<Entry>, Error> {
        let username = user.username.clone();
        self.database.run(move |store| store.last_deactivation(&username)).await
    }
    /// What the user is called now who had this name last, which nobody has any more.
    pub async fn present_name(&self, former: &str, _: &Staff) -> Result<Option<String>, Error> {
        let former = former.to_owned();
        self.database.run(move |store| store.present_name(&former)).await
    }
}
