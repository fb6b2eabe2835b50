//! The database that an import writes to, in one transaction and in batches. What an import asks of the database is here;
//! the statements that insert many rows are in `rows.rs`.

mod rows;
mod update;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::change_log;
use super::connection::Conn;
use super::login_names::require_distinct;
use super::schema::{groups, imported_users, meta, tokens, users};
use super::user_ids::{lock, mark_from_django, next_ids};
use super::user_rows::UserRow;
use super::{Store, StoreError};
use crate::domain::change::Change;
use crate::domain::django::{FieldDigest, ImportedFields};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;
use crate::domain::user::{FIRST_BOOTSTRAP_ID, User, UsernameCase};
pub use rows::{ImportedEntry, ImportedToken};
pub use update::UpdatedUser;

/// Time-outs are off, because they are meant for requests. Sequential scans are off, because thousands of rows are
/// looked up by index, and the planner has no statistics for tables that this transaction fills.
const SETTINGS: &str = "set local statement_timeout = 0; set local lock_timeout = 0; \
                        set local idle_in_transaction_session_timeout = 0; set local enable_seqscan = off";

/// The database that an import writes to, or one that does not exist yet and so is empty.
pub struct ImportTarget<'a> {
    conn: Option<&'a mut Conn>,
    /// Whether keys became valid that a node may have cached as unknown, or users changed. New users are not cached by
    /// anybody.
    has_cached_changes: bool,
    has_new_users: bool,
}

impl Store {
    /// Runs an import, in one long transaction. Until it ends no other transaction gets a user id, so that none is
    /// assigned twice. In PostgreSQL, logins and introspection continue.
    pub fn import<T>(
        &self,
        work: impl FnOnce(&mut ImportTarget<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let work = Cell::new(Some(work));
        self.change(|conn, changes| {
            let work = work.take().ok_or_else(changed_meanwhile)?;
            match conn {
                Conn::Pg(pg) => {
                    pg.batch_execute(SETTINGS)?;
                }
                // SQLite has no such timeouts.
                Conn::Sqlite(_) => {}
            }
            // One row of the change log at the end replaces those of all that is imported.
            change_log::pause(conn)?;
            lock(conn)?;
            let mut target = ImportTarget { conn: Some(conn), has_cached_changes: false, has_new_users: false };
            let value = work(&mut target)?;
            if target.has_cached_changes {
                changes.push(Change::Everything);
                change_log::everything_changed(conn)?;
            }
            change_log::resume(conn)?;
            if self.options.username_case == UsernameCase::Ignore {
                require_distinct(conn)?;
            }
            Ok(value)
        })
    }

    /// As [`Store::import`], for a dry run: nothing is created or written.
    pub fn dry_run_import<T>(
        &self,
        work: impl FnOnce(&mut ImportTarget<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.is_initialized()? {
            return work(&mut ImportTarget { conn: None, has_cached_changes: false, has_new_users: false });
        }
        let work = Cell::new(Some(work));
        self.read(|conn| {
            let work = work.take().ok_or_else(changed_meanwhile)?;
            let run = |conn: &mut Conn| {
                work(&mut ImportTarget { conn: Some(conn), has_cached_changes: false, has_new_users: false })
            };
            match conn {
                Conn::Sqlite(_) => run(conn),
                Conn::Pg(_) => conn.in_transaction(|conn| {
                    conn.batch_execute(SETTINGS)?;
                    run(conn)
                }),
            }
        })
    }
}

/// An import cannot run its work twice, because the work has already read the source. It must be started again.
fn changed_meanwhile() -> StoreError {
    StoreError::Unavailable("its tables were changed meanwhile".into())
}

/// A user here, and what an import remembers of them.
pub struct FoundUser {
    /// The user, without their groups.
    pub user: User,
    /// What an import has written.
    pub imported: Option<Remembered>,
}

/// What an import remembers of a user.
#[derive(Clone)]
pub struct Remembered {
    /// The fields, as they were at the source.
    pub fields: ImportedFields,
    /// The hash here that is of the password at the source, whatever a login has made of it.
    pub password: FieldDigest,
}

type FoundRow = (UserRow, Option<(Vec<u8>, Vec<u8>)>);

impl FoundUser {
    fn of((row, imported): FoundRow) -> Self {
        let remembered = |(fields, password): (Vec<u8>, Vec<u8>)| {
            let password = password.try_into().ok()?;
            Some(Remembered { fields: ImportedFields::from_stored(fields), password })
        };
        Self { user: row.user(Vec::new()), imported: imported.and_then(remembered) }
    }
}

impl ImportTarget<'_> {
    /// Users who have one of these ids, external ids or names, without their groups. Some may be there twice.
    pub fn users_like(
        &mut self,
        ids: &[i64],
        external_ids: &[&str],
        names: &[&str],
    ) -> Result<Vec<FoundUser>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        // One after the other: with `or`, PostgreSQL would not use the indexes.
        let with_id = users::id.eq_any(ids);
        let with_external_id = users::external_id.eq_any(external_ids);
        let with_name = users::username.eq_any(names);
        let query = || users::table.left_join(imported_users::table);
        let imported = || (imported_users::fields, imported_users::password).nullable();
        let found: Vec<FoundRow> = match conn {
            Conn::Pg(pg) => {
                let mut found = query().filter(with_id).select((UserRow::as_select(), imported())).load(pg)?;
                let more = query().filter(with_external_id).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(pg)?);
                let more = query().filter(with_name).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(pg)?);
                found
            }
            Conn::Sqlite(sqlite) => {
                let mut found = query().filter(with_id).select((UserRow::as_select(), imported())).load(sqlite)?;
                let more = query().filter(with_external_id).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(sqlite)?);
                let more = query().filter(with_name).select((UserRow::as_select(), imported()));
                found.extend(more.load::<FoundRow>(sqlite)?);
                found
            }
        };
        Ok(found.into_iter().map(FoundUser::of).collect())
    }

    /// The names and e-mail addresses of users who have one of these names.
    pub fn emails(&mut self, names: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        let query = users::table.filter(users::username.eq_any(names)).select((users::username, users::email));
        Ok(match conn {
            Conn::Pg(pg) => query.load(pg)?,
            Conn::Sqlite(sqlite) => query.load(sqlite)?,
        })
    }

    /// The first of `count` consecutive ids for users of a Django project whose keys cannot be ids; they are in the range
    /// of ids that no project assigns.
    pub fn next_ids_from_django(&mut self, count: usize) -> Result<i64, StoreError> {
        if let Some(conn) = &mut self.conn {
            mark_from_django(conn)?;
        }
        self.next_ids(count)
    }

    /// The first of `count` consecutive ids for new users; 1 in a database that does not exist yet.
    pub fn next_ids(&mut self, count: usize) -> Result<i64, StoreError> {
        self.conn.as_mut().map_or(Ok(1), |conn| next_ids(conn, count))
    }

    /// The owners of existing tokens with these digests.
    pub fn token_owners(&mut self, digests: &[TokenDigest]) -> Result<HashMap<TokenDigest, i64>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(HashMap::new()) };
        let bytes: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        let query = tokens::table.filter(tokens::digest.eq_any(bytes)).select((tokens::digest, tokens::user_id));
        let rows: Vec<(Vec<u8>, i64)> = match conn {
            Conn::Pg(pg) => query.load(pg)?,
            Conn::Sqlite(sqlite) => query.load(sqlite)?,
        };
        Ok(rows.into_iter().filter_map(|(digest, user)| Some((TokenDigest::from_bytes(&digest)?, user))).collect())
    }

    /// The names that no existing group has, each once.
    pub fn missing_groups(&mut self, names: &[String]) -> Result<Vec<String>, StoreError> {
        let existing: Vec<String> = match &mut self.conn {
            Some(conn) => groups::table.select(groups::name).load(*conn)?,
            None => Vec::new(),
        };
        let mut seen: HashSet<String> = existing.into_iter().collect();
        Ok(names.iter().filter(|name| seen.insert((*name).clone())).cloned().collect())
    }

    /// Locks existing users, as every change of their tokens does. Returns those who have a sealed token. The seal of
    /// an expired one is removed.
    pub fn lock_sealed(&mut self, user_ids: &[i64], now: Timestamp) -> Result<HashSet<i64>, StoreError> {
        let Some(conn) = self.conn.as_mut().filter(|_| !user_ids.is_empty()) else { return Ok(HashSet::new()) };
        let sealed = || tokens::table.filter(tokens::user_id.eq_any(user_ids)).filter(tokens::sealed.is_not_null());
        let expired = sealed().filter(tokens::expires_at.le(now.naive()));
        let unsealed = tokens::sealed.eq(None::<Vec<u8>>);
        let live = sealed().select(tokens::user_id);
        let found: Vec<i64> = match conn {
            Conn::Pg(pg) => {
                let locked = users::table.filter(users::id.eq_any(user_ids)).select(users::id).order(users::id);
                locked.for_no_key_update().load::<i64>(pg)?;
                diesel::update(expired).set(unsealed).execute(pg)?;
                live.load(pg)?
            }
            Conn::Sqlite(sqlite) => {
                diesel::update(expired).set(unsealed).execute(sqlite)?;
                live.load(sqlite)?
            }
        };
        Ok(found.into_iter().collect())
    }

    /// Must be called after Django's users are imported. `highest` is their highest id below the range of bootstrap
    /// ids, 0 if there is none. New users then get ids that Django will not assign.
    pub fn keep_ids_above(&mut self, highest: i64) -> Result<(), StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        if self.has_new_users || highest > 0 {
            mark_from_django(conn)?;
        }
        let last: Option<String> = meta::table.find("last_user_id").select(meta::value).first(*conn).optional()?;
        let last = last.and_then(|last| last.parse().ok()).unwrap_or(0);
        if highest <= last || highest >= FIRST_BOOTSTRAP_ID {
            return Ok(());
        }
        let raised = "insert into meta (key, value) values ('last_user_id', $1) \
                      on conflict (key) do update set value = excluded.value";
        diesel::sql_query(raised).bind::<diesel::sql_types::Text, _>(highest.to_string()).execute(*conn)?;
        Ok(())
    }
}

fn naive(moment: Option<Timestamp>) -> Option<NaiveDateTime> {
    moment.map(Timestamp::naive)
}
