//! Rows whose time is over, deleted in small batches by an index.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

/// What can be purged: the sealed keys of expired tokens, dead tokens by either of their ends, and audit entries by
/// their age.
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
}

impl Purge {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ExpiredSeals, Self::RevokedTokens, Self::ExpiredTokens, Self::AuditLog];

    /// What is done to the rows, where they stand, what makes them due, and the moment that counts. An index has each.
    const fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ExpiredSeals => ("update tokens set sealed = null", "tokens", "sealed is not null and", "expires_at"),
            Self::RevokedTokens => ("delete from tokens", "tokens", "", "revoked_at"),
            Self::ExpiredTokens => ("delete from tokens", "tokens", "", "expires_at"),
            Self::AuditLog => ("delete from audit_log", "audit_log", "", "at"),
        }
    }
}

impl Store {
    /// Purges at most `most` rows that ended before `before`, the oldest first; says how many.
    pub fn purge(&self, what: Purge, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        let (verb, table, due, moment) = what.parts();
        self.write(|conn| {
            let rows = format!("select id from {table} where {due} {moment} < $1 order by {moment} limit $2");
            let text = match conn {
                // Of several nodes one purges and the others pass over what it has locked. An array, and not a join: it
                // is made once, and its rows are found by the primary key whatever the planner believes of the table.
                Conn::Pg(_) => format!("{verb} where id = any (array ({rows} for update skip locked))"),
                Conn::Sqlite(_) => format!("{verb} where id in ({rows})"),
            };
            let query =
                diesel::sql_query(text).bind::<SqlTimestamp, _>(before.naive()).bind::<BigInt, _>(i64::from(most));
            Ok(query.execute(conn)?)
        })
    }
}
