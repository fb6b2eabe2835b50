//! Deactivates many users in batches, so that no other transaction waits long for a locked row.

use diesel::prelude::*;
use serde_json::json;

use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::store::connection::{Conn, MultiBackend};
use crate::store::schema::{password_links, sessions, users};
use crate::store::user_rows::lock_superusers;
use crate::store::{Batch, Store, StoreError, audit};

impl Store {
    /// Counts the active users except `kept`.
    pub fn count_active_except(&self, kept: &[i64]) -> Result<i64, StoreError> {
        self.read_without_timeout(|conn| Ok(active_except(kept).count().get_result(conn)?))
    }

    /// Deactivates at most `limit` users with ids after `after`, except `kept`, and ends their sessions; `None` when
    /// there is none left.
    ///
    /// # Errors
    /// [`StoreError::LastSuperuser`] when no active superuser is among `kept`.
    pub fn deactivate_all_except(
        &self,
        kept: &[i64],
        after: i64,
        limit: u32,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Batch>, StoreError> {
        self.change(|conn, changes| {
            let superusers = lock_superusers(conn)?;
            if !superusers.is_empty() && !superusers.iter().any(|id| kept.contains(id)) {
                return Err(StoreError::LastSuperuser);
            }
            let next = active_except(kept).filter(users::id.gt(after)).order(users::id).limit(limit.into());
            let found: Vec<i64> = next.select(users::id).load(conn)?;
            let Some(last) = found.last().copied() else { return Ok(None) };
            // Read again with a lock: some may have been deactivated meanwhile.
            let still_active = users::table.filter(users::id.eq_any(found)).filter(users::is_active).order(users::id);
            let rows: Vec<(i64, String)> = match conn {
                Conn::Pg(pg) => still_active.select((users::id, users::username)).for_no_key_update().load(pg)?,
                Conn::Sqlite(sqlite) => still_active.select((users::id, users::username)).load(sqlite)?,
            };
            let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
            let selected = users::table.filter(users::id.eq_any(ids.clone()));
            diesel::update(selected).set(users::is_active.eq(false)).execute(conn)?;
            diesel::delete(sessions::table.filter(sessions::user_id.eq_any(ids.clone()))).execute(conn)?;
            let links = password_links::user_id.eq_any(ids.clone()).or(password_links::made_by.eq_any(ids));
            diesel::delete(password_links::table.filter(links)).execute(conn)?;
            for (id, username) in &rows {
                changes.push(Change::User(*id));
                audit::record(conn, by, Action::UserUpdate, username, &json!({ "is_active": false }), now)?;
            }
            Ok(Some(Batch { changed: rows.len() as u64, last }))
        })
    }
}

fn active_except(kept: &[i64]) -> users::BoxedQuery<'static, MultiBackend> {
    users::table.filter(users::is_active).filter(users::id.ne_all(kept.to_vec())).into_boxed()
}
