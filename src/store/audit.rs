//! The audit log: an entry is written in the transaction of its change.

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde_json::{Map, Value, json};

use super::connection::{Conn, MultiBackend, storable};
use super::folded_sql::{Engine, like_escaped};
use super::schema::audit_log;
use super::{Store, StoreError};
use crate::domain::audit::{Action, Actor, Entry, Filter};
use crate::domain::folded::folded;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// The condition of the partial indexes of all actions but logins, which the databases use for exactly this text only.
pub(super) const NO_LOGIN: &str = "action not in ('login', 'login.failed')";

/// The detail of an entry that says which name a user had before.
pub(super) const RENAMED_FROM: &str = "renamed_from";

/// The condition of the partial index of refused logins, likewise.
pub(super) const REFUSED: &str = "action = 'login.failed'";

/// Writes one entry. `details` is a JSON object and must hold nothing secret.
pub fn record(
    conn: &mut Conn,
    by: &Actor,
    action: Action,
    target: &str,
    details: &Value,
    at: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(at.naive()),
            audit_log::actor.eq(&by.name),
            audit_log::action.eq(action.as_str()),
            audit_log::target.eq(target),
            audit_log::address.eq(by.address.map(|address| address.to_string())),
            audit_log::details.eq(details.to_string()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Writes the entry of a changed user, under the name that they had before. One who was renamed gets a second entry, under
/// the new name, so that each name's own entries say who had it until when.
pub fn record_update(
    conn: &mut Conn,
    by: &Actor,
    (before, after): (&User, &User),
    details: Map<String, Value>,
    at: Timestamp,
) -> Result<(), StoreError> {
    record(conn, by, Action::UserUpdate, &before.username, &Value::Object(details), at)?;
    if before.username == after.username {
        return Ok(());
    }
    record(conn, by, Action::UserUpdate, &after.username, &json!({ RENAMED_FROM: before.username }), at)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub(super) struct EntryRow {
    id: i64,
    at: NaiveDateTime,
    actor: String,
    action: String,
    target: String,
    address: Option<String>,
    details: String,
}

/// The text that is searched for a part of a name. The actor of a login is also its target.
const NAMES: &str = "case when actor = target then actor else actor || ' ' || target end";

/// How many of the newest entries are searched for an address or for a part of a name.
pub const MAX_SEARCHED: i64 = 20_000;

/// The id of the oldest entry that is searched; `None`: all are.
fn oldest_searched(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    let ids = audit_log::table.select(audit_log::id).order(audit_log::id.desc());
    Ok(ids.offset(MAX_SEARCHED - 1).limit(1).first(conn).optional()?)
}

impl Store {
    /// Writes an entry that belongs to no change: a refused login, or one that changed nothing.
    pub fn record(
        &self,
        by: &Actor,
        action: Action,
        target: &str,
        details: &Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write_statement(|conn| record(conn, by, action, target, details, at))
    }

    /// Entries, newest first. Counting stops at one more than `count_limit`, because counting more takes too long for
    /// turning pages.
    pub fn list_audit(
        &self,
        filter: &Filter,
        page: PageRequest,
        count_limit: Option<u32>,
    ) -> Result<Page<Entry>, StoreError> {
        let texts = [&filter.actor, &filter.action, &filter.target, &filter.address, &filter.contains];
        if texts.into_iter().flatten().any(|text| !storable(text)) {
            return Ok(Page { count: 0, results: Vec::new() });
        }
        // A zone may move a date of the last day past it.
        let [since, until] =
            [filter.since, filter.until].map(|moment| moment.map(|moment| moment.min(Timestamp::LATEST)));
        self.read(|conn| {
            // No index finds these, so only the newest entries are searched.
            let is_searched = filter.address.is_some() || filter.contains.is_some();
            let newest = if is_searched { oldest_searched(conn)? } else { None };
            let is_refused = filter.action.as_deref() == Some(Action::LoginFailed.as_str());
            // By time where an index of the time finds the entries and none of the id does.
            let by_time = by_time(filter, is_refused);
            let engine = Engine::of(conn)?;
            let matching = || {
                let mut query = audit_log::table.into_boxed();
                if let Some(actor) = &filter.actor {
                    // Split to use two indexes: entries whose actor is also the target, as in most logins, are found by
                    // target, the others by actor.
                    let (actor, theirs) = (audit_log::actor.eq(actor), audit_log::target.eq(actor));
                    let others = audit_log::actor.ne(audit_log::target);
                    query = query.filter(theirs.and(actor).or(actor.and(others)));
                }
                if let Some(action) = &filter.action {
                    query = if is_refused {
                        query.filter(sql::<Bool>(REFUSED))
                    } else {
                        query.filter(audit_log::action.eq(action))
                    };
                    if ![Action::Login, Action::LoginFailed].map(Action::as_str).contains(&action.as_str()) {
                        // The partial index of all other actions, which the databases use for exactly this condition
                        // only.
                        query = query.filter(sql::<Bool>(NO_LOGIN));
                    }
                }
                if let Some(target) = &filter.target {
                    query = query.filter(audit_log::target.eq(target));
                }
                if let Some(address) = &filter.address {
                    query = query.filter(audit_log::address.eq(address));
                }
                if let Some(text) = &filter.contains {
                    let pattern = format!("%{}%", like_escaped(text));
                    let like = sql::<Bool>(&engine.folded_mostly_ascii(NAMES)).sql(" like ");
                    query = match engine {
                        Engine::Postgres((before, after)) => {
                            query.filter(like.sql(before).bind::<Text, _>(pattern).sql(after).sql(" escape '\\'"))
                        }
                        Engine::Sqlite => query.filter(like.bind::<Text, _>(folded(&pattern)).sql(" escape '\\'")),
                    };
                }
                if let Some(oldest) = newest {
                    query = query.filter(audit_log::id.ge(oldest));
                }
                if let Some(since) = since {
                    query = query.filter(audit_log::at.ge(since.naive()));
                }
                if let Some(until) = until {
                    query = query.filter(audit_log::at.lt(until.naive()));
                }
                if let Some(id) = filter.before_id {
                    query = query.filter(audit_log::id.lt(id));
                }
                query
            };
            if is_searched {
                // The condition is dear, so it is tried once for each entry.
                let found: Vec<i64> =
                    matching().order(audit_log::id.desc()).limit(MAX_SEARCHED).select(audit_log::id).load(conn)?;
                return page_of(conn, &found, page);
            }
            let count = match count_limit {
                None => matching().count().get_result(conn)?,
                Some(count_limit) => {
                    let counted = matching().limit(i64::from(count_limit) + 1);
                    // In the order of an index: a planner that reads the table in its own order may find the first entry
                    // of some days at its end.
                    let counted = if by_time { newest_first(counted, by_time) } else { counted };
                    counted.select(audit_log::id).load::<i64>(conn)?.len().try_into().unwrap_or(i64::MAX)
                }
            };
            let page = page.in_list(count);
            let is_whole = count_limit.is_none_or(|count_limit| count <= count_limit.into());
            let window = if is_whole { page.window(count) } else { page.forward_window() };
            let query = matching().limit(window.limit).offset(window.offset);
            let mut rows: Vec<EntryRow> = match (window.is_backward, by_time) {
                (false, _) => newest_first(query, by_time).select(EntryRow::as_select()).load(conn)?,
                (true, true) => query.order((audit_log::at, audit_log::id)).select(EntryRow::as_select()).load(conn)?,
                (true, false) => query.order(audit_log::id).select(EntryRow::as_select()).load(conn)?,
            };
            if window.is_backward {
                rows.reverse();
            }
            Ok(Page { count, results: rows.into_iter().map(entry).collect() })
        })
    }
}

type BoxedQuery<'a> = audit_log::BoxedQuery<'a, MultiBackend>;

fn newest_first(query: BoxedQuery<'_>, by_time: bool) -> BoxedQuery<'_> {
    if by_time { query.order((audit_log::at.desc(), audit_log::id.desc())) } else { query.order(audit_log::id.desc()) }
}

/// Whether a list is in the order of the entries' times, and not of their ids: of refused logins, and of some days, an index
/// of the time finds the entries, unless one by id does.
fn by_time(filter: &Filter, is_refused: bool) -> bool {
    let has_index_by_id = filter.actor.is_some() || filter.target.is_some() || filter.before_id.is_some();
    let is_any_login = filter.action.as_deref().is_none_or(|action| action == Action::Login.as_str());
    let is_some_days = (filter.since.is_some() || filter.until.is_some()) && is_any_login;
    filter.may_be_by_time && !has_index_by_id && (is_refused || is_some_days)
}

/// The page of the entries with these ids, which are in descending order.
pub(super) fn page_of(conn: &mut Conn, ids: &[i64], page: PageRequest) -> Result<Page<Entry>, StoreError> {
    let count = ids.len().try_into().unwrap_or(i64::MAX);
    let page = page.in_list(count);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let shown: Vec<i64> = ids.iter().copied().skip(offset).take(page.size as usize).collect();
    let rows: Vec<EntryRow> = audit_log::table
        .filter(audit_log::id.eq_any(shown))
        .order(audit_log::id.desc())
        .select(EntryRow::as_select())
        .load(conn)?;
    Ok(Page { count, results: rows.into_iter().map(entry).collect() })
}

pub(super) fn entry(row: EntryRow) -> Entry {
    Entry {
        id: row.id,
        at: Timestamp::from_naive(row.at),
        actor: row.actor,
        action: row.action,
        target: row.target,
        address: row.address,
        // A row written by hand need not be JSON; it is shown all the same.
        details: serde_json::from_str(&row.details).unwrap_or(Value::String(row.details)),
    }
}
