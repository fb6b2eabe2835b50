//! Connections to either database, and transactions that may write.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::{Connection, PgConnection, SqliteConnection};

use super::error::StoreError;

/// A connection to either database; queries written against it run on both.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL.
    Pg(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

impl Conn {
    /// Runs `work` in a transaction, committed when it succeeds.
    ///
    /// SQLite takes its write lock at the start: a transaction that read first and wrote later could fail halfway.
    pub fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Pg(pg) => AnsiTransactionManager::begin_transaction(pg)?,
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        }
        match work(self) {
            Ok(value) => {
                <Self as Connection>::TransactionManager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // The first error is returned. A connection that cannot roll back is broken, and is not reused.
                if let Err(rollback) = <Self as Connection>::TransactionManager::rollback_transaction(self) {
                    log::debug!("rollback failed: {rollback}");
                }
                Err(error)
            }
        }
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case. PostgreSQL uses the database's locale. In SQLite jeton replaces the built-in function, which knows
    /// ASCII only, by one for Unicode.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
    /// `domain::folded`, in SQLite only.
    fn folded(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Queries only; SQLite refuses writes on it.
    Read,
    /// Reads and writes.
    Write,
}

/// PostgreSQL refuses NUL in text, so no text with a NUL is ever stored or found.
pub fn storable(text: &str) -> bool {
    !text.contains('\0')
}
