//! What the audit log says about one user, also from when they had another name.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::audit::{EntryRow, NO_LOGIN, entry, page_of};
use super::connection::{Conn, MultiBackend, storable};
use super::names_over_time::{NameSpan, spans};
use super::schema::audit_log;
use super::{Store, StoreError};
use crate::domain::audit::{Action, ActivityKind, Entry};
use crate::domain::page::{Page, PageRequest};

type Entries = audit_log::BoxedQuery<'static, MultiBackend>;

/// The entries about the user who had the name then.
fn about(span: &NameSpan) -> Entries {
    within(span).filter(audit_log::target.eq(span.name.clone()))
}

/// The entries of what the user did who had the name then, except those that are about them, too.
fn by(span: &NameSpan) -> Entries {
    within(span).filter(audit_log::actor.eq(span.name.clone())).filter(audit_log::actor.ne(audit_log::target))
}

fn within(span: &NameSpan) -> Entries {
    audit_log::table.filter(audit_log::id.gt(span.after)).filter(audit_log::id.le(span.through)).into_boxed()
}

/// The newest of the entries that `select` chooses of each span.
fn newest(conn: &mut Conn, username: &str, select: impl Fn(&NameSpan) -> Entries) -> Result<Option<Entry>, StoreError> {
    for span in spans(conn, username)? {
        let query = select(&span).order(audit_log::id.desc()).select(EntryRow::as_select());
        if let Some(row) = query.first(conn).optional()? {
            return Ok(Some(entry(row)));
        }
    }
    Ok(None)
}

impl Store {
    /// Entries about a user, and those of what the user did, newest first. Only the newest `count_limit` of either are
    /// found; a larger count says that there are more. They are read by two indexes, in the order of each, so that it
    /// does not matter how many entries there are.
    pub fn list_activity(
        &self,
        username: &str,
        kind: ActivityKind,
        page: PageRequest,
        count_limit: u32,
    ) -> Result<Page<Entry>, StoreError> {
        if !storable(username) {
            return Ok(Page { count: 0, results: Vec::new() });
        }
        let most = usize::try_from(count_limit).unwrap_or(usize::MAX).saturating_add(1);
        self.read(|conn| {
            let mut ids: Vec<i64> = Vec::new();
            // Every entry of a span is newer than those of the next.
            for span in spans(conn, username)? {
                for query in [about(&span), by(&span)] {
                    let query = match kind {
                        ActivityKind::All => query,
                        ActivityKind::Logins => query.filter(sql::<Bool>("action in ('login', 'login.failed')")),
                        ActivityKind::Changes => query.filter(sql::<Bool>(NO_LOGIN)),
                    };
                    let newest = query.order(audit_log::id.desc()).limit(i64::from(count_limit) + 1);
                    ids.extend(newest.select(audit_log::id).load::<i64>(conn)?);
                }
                if ids.len() >= most {
                    break;
                }
            }
            ids.sort_unstable_by(|one, other| other.cmp(one));
            ids.truncate(most);
            page_of(conn, &ids, page)
        })
    }

    /// The newest entry of a login of this user, or of a refused one.
    pub fn last_login_attempt(&self, username: &str) -> Result<Option<Entry>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        let is_login = || audit_log::action.eq_any([Action::Login, Action::LoginFailed].map(Action::as_str));
        self.read(|conn| newest(conn, username, |span| about(span).filter(is_login())))
    }

    /// The entry of the change that made a user inactive, if that is the last known change of `is_active`. Somebody may
    /// have changed the user by SQL since then.
    pub fn last_deactivation(&self, username: &str) -> Result<Option<Entry>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        let is_change = || audit_log::action.eq_any([Action::UserCreate, Action::UserUpdate].map(Action::as_str));
        let select = |span: &NameSpan| {
            about(span)
                .filter(is_change())
                .filter(sql::<Bool>(NO_LOGIN))
                .filter(audit_log::details.like("%\"is_active\":%"))
        };
        let entry = self.read(|conn| newest(conn, username, select))?;
        Ok(entry.filter(|entry| entry.details["is_active"] == false))
    }
}
