//! Deletes rows that are due, in small batches. Each kind has an index for it.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::{Store, StoreError, change_log};
use crate::domain::time::Timestamp;

/// What can be purged: the sealed keys of expired tokens, ended tokens, by their revocation or their expiry, audit
/// entries by their age, unused sessions, networks that a user has not logged in from for long, and expired links
/// for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Sealed keys of tokens expired before a moment; their rows stay.
    ExpiredSeals,
    /// Tokens revoked before a moment.
    RevokedTokens,
    /// Tokens expired before a moment.
    ExpiredTokens,
    /// Audit entries written before a moment.
    AuditLog,
    /// Sessions of the console last used before a moment.
    Sessions,
    /// Networks that a user last logged in from before a moment.
    LoginNetworks,
    /// Links for a password that ended before a moment.
    PasswordLinks,
}

impl Purge {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ExpiredSeals,
        Self::RevokedTokens,
        Self::ExpiredTokens,
        Self::AuditLog,
        Self::Sessions,
        Self::LoginNetworks,
        Self::PasswordLinks,
    ];

    /// The label in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpiredSeals => "expired_seals",
            Self::RevokedTokens => "revoked_tokens",
            Self::ExpiredTokens => "expired_tokens",
            Self::AuditLog => "audit_log",
            Self::Sessions => "sessions",
            Self::LoginNetworks => "login_networks",
            Self::PasswordLinks => "password_links",
        }
    }

    /// The parts of the statement: its beginning, the table, a condition, and the column of the row's end.
    const fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ExpiredSeals => ("update tokens set sealed = null", "tokens", "sealed is not null and", "expires_at"),
            Self::RevokedTokens => ("delete from tokens", "tokens", "", "revoked_at"),
            Self::ExpiredTokens => ("delete from tokens", "tokens", "", "expires_at"),
            Self::AuditLog => ("delete from audit_log", "audit_log", "", "at"),
            Self::Sessions => ("delete from sessions", "sessions", "", "seen_at"),
            Self::LoginNetworks => ("delete from login_networks", "login_networks", "", "seen_at"),
            Self::PasswordLinks => ("delete from password_links", "password_links", "", "expires_at"),
        }
    }
}

/// The result of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// How many rows were purged.
    pub rows: usize,
    /// Where the next batch begins to search: the latest end of a purged row. `None`: at the oldest row.
    pub end: Option<Timestamp>,
}

#[derive(diesel::QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Nullable<SqlTimestamp>)]
    moment: Option<chrono::NaiveDateTime>,
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = Nullable<SqlTimestamp>)]
    until: Option<chrono::NaiveDateTime>,
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Integer, column_name = found)]
    _found: i32,
}

impl Store {
    /// When the oldest row ended, of those that ended between `from` and `before`.
    pub fn oldest(
        &self,
        what: Purge,
        from: Option<Timestamp>,
        before: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (_, table, due, moment) = what.parts();
        let oldest =
            format!("select min({moment}) as moment from {table} where {due} {moment} >= $1 and {moment} < $2");
        let oldest: Oldest = self.read(|conn| {
            let query = diesel::sql_query(&oldest)
                .bind::<SqlTimestamp, _>(from.unwrap_or(Timestamp::EARLIEST).naive())
                .bind::<SqlTimestamp, _>(before.naive());
            match conn {
                Conn::Pg(pg) => Ok(query.get_result(pg)?),
                Conn::Sqlite(sqlite) => Ok(query.get_result(sqlite)?),
            }
        })?;
        Ok(oldest.moment.map(Timestamp::from_naive))
    }

    /// Purges at most `limit` rows that ended before `before`, the oldest first; none that ended before `from`.
    pub fn purge(
        &self,
        what: Purge,
        from: Option<Timestamp>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Purged, StoreError> {
        self.write(|conn| {
            // Most calls end here, and write nothing: turning the triggers off and on is a write in SQLite.
            if !is_due(conn, what, before)? {
                return Ok(Purged { rows: 0, end: None });
            }
            // The change log does not record this. The tokens ended so long ago that they have ended by every node's
            // clock, so no cached answer becomes wrong.
            change_log::pause(conn)?;
            let purged = purge(conn, what, from, before, limit)?;
            change_log::resume(conn)?;
            Ok(purged)
        })
    }
}

/// Whether there may be a row to purge.
fn is_due(conn: &mut Conn, what: Purge, before: Timestamp) -> Result<bool, StoreError> {
    let (_, table, due, moment) = what.parts();
    match conn {
        // Its triggers are turned off by a setting, which is no write.
        Conn::Pg(_) => Ok(true),
        Conn::Sqlite(sqlite) => {
            let some = format!("select 1 as found from {table} where {due} {moment} < $1 limit 1");
            let query = diesel::sql_query(some).bind::<SqlTimestamp, _>(before.naive());
            Ok(!query.load::<Found>(sqlite)?.is_empty())
        }
    }
}

fn purge(
    conn: &mut Conn,
    what: Purge,
    from: Option<Timestamp>,
    before: Timestamp,
    limit: u32,
) -> Result<Purged, StoreError> {
    let (verb, table, due, moment) = what.parts();
    let limit = i64::from(limit);
    match conn {
        // If several nodes purge at once, each skips the rows that another one has locked. An array, unlike a join,
        // is computed once, and its rows are found by the primary key whatever the planner estimates. Purged rows
        // stay in the index while an older transaction is open, so the next batch begins after them.
        Conn::Pg(pg) => {
            let counted: Counted = diesel::sql_query(format!(
                "with purged as ({verb} where id = any (array (select id from {table} \
                 where {due} {moment} >= $1 and {moment} < $2 order by {moment} limit $3 for update skip locked)) \
                 returning {moment} as ended) select count(*) as rows, max(ended) as until from purged"
            ))
            .bind::<SqlTimestamp, _>(from.unwrap_or(Timestamp::EARLIEST).naive())
            .bind::<SqlTimestamp, _>(before.naive())
            .bind::<BigInt, _>(limit)
            .get_result(pg)?;
            let rows = usize::try_from(counted.rows).unwrap_or(usize::MAX);
            Ok(Purged { rows, end: counted.until.map(Timestamp::from_naive).or(from) })
        }
        Conn::Sqlite(sqlite) => {
            let rows = diesel::sql_query(format!(
                "{verb} where id in (select id from {table} where {due} {moment} < $1 order by {moment} limit $2)"
            ))
            .bind::<SqlTimestamp, _>(before.naive())
            .bind::<BigInt, _>(limit)
            .execute(sqlite)?;
            Ok(Purged { rows, end: None })
        }
    }
}
