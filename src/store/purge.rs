//! Rows whose time is over, deleted in small batches by an index.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

/// What can be purged: dead tokens by either of their ends, and audit entries by their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Tokens revoked before a moment.
    RevokedTokens,
    /// Tokens expired before a moment.
    ExpiredTokens,
    /// Audit entries written before a moment.
    AuditLog,
}

impl Purge {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RevokedTokens, Self::ExpiredTokens, Self::AuditLog];

    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::RevokedTokens => ("tokens", "revoked_at"),
            Self::ExpiredTokens => ("tokens", "expires_at"),
            Self::AuditLog => ("audit_log", "at"),
        }
    }
}

impl Store {
    /// Deletes at most `most` rows that ended before `before`, the oldest first; says how many.
    pub fn purge(&self, what: Purge, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        let (table, column) = what.place();
        self.write(|conn| {
            if let Conn::Pg(pg) = conn {
                // What has been dead for so long is alive by nobody's clock.
                pg.batch_execute("set local jeton.quiet = 'on'")?;
            }
            // Of several nodes one deletes and the others pass over what it has locked.
            let skip = if matches!(conn, Conn::Pg(_)) { "for update skip locked" } else { "" };
            let text = format!(
                "delete from {table} where id in \
                 (select id from {table} where {column} < $1 order by {column} limit $2 {skip})"
            );
            let query =
                diesel::sql_query(text).bind::<SqlTimestamp, _>(before.naive()).bind::<BigInt, _>(i64::from(most));
            Ok(query.execute(conn)?)
        })
    }

    /// Takes the sealed keys of at most `most` tokens that expired before `before`, the oldest first; says how many.
    pub fn unseal_expired(&self, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        self.write(|conn| {
            let skip = if matches!(conn, Conn::Pg(_)) { "for update skip locked" } else { "" };
            let text = format!(
                "update tokens set sealed = null where id in (select id from tokens \
                 where sealed is not null and expires_at < $1 order by expires_at limit $2 {skip})"
            );
            let query =
                diesel::sql_query(text).bind::<SqlTimestamp, _>(before.naive()).bind::<BigInt, _>(i64::from(most));
            Ok(query.execute(conn)?)
        })
    }
}
