//! A connection of the pool, and whether it may be used again.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};

use super::connect_error::ConnectError;
use super::connection::Conn;
use super::servers::{Server, Servers};
use super::{StoreError, pooler};

/// A connection, and its server.
pub struct PoolConnection {
    conn: Conn,
    /// The PostgreSQL server; `None` for SQLite, and behind a pooler, which may use any server.
    server: Option<Server>,
    /// The settings of each transaction, if the session does not keep them.
    local: Option<String>,
    discarded: bool,
    /// The version of the tables for which its statements were prepared.
    tables_version: u64,
    servers: Arc<Servers>,
    /// Counts the open connections: see `Servers::held`.
    _held: Arc<()>,
}

impl PoolConnection {
    fn new(conn: Conn, server: Option<Server>, local: Option<String>, servers: Arc<Servers>) -> Self {
        let (held, tables_version) = (servers.hold(), servers.tables_version());
        Self { conn, server, local, discarded: false, tables_version, servers, _held: held }
    }

    pub fn sqlite(conn: SqliteConnection, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Sqlite(conn), None, None, servers)
    }

    pub fn postgres(conn: PgConnection, server: Server, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Pg(conn), Some(server), None, servers)
    }

    pub fn behind_pooler(conn: PgConnection, local: String, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Pg(conn), None, Some(local), servers)
    }

    /// The connection, for use outside a pool, and its server.
    pub fn into_parts(self) -> (Conn, Option<Server>) {
        (self.conn, self.server)
    }

    /// Whether it must be replaced: newer connections go to another server, or the tables have changed since it was
    /// opened, or it was opened before the pooler was detected.
    pub fn is_outdated(&self) -> bool {
        self.tables_version != self.servers.tables_version()
            || self.server.is_some_and(|server| !self.servers.is_current(server))
            || (self.local.is_none() && self.server.is_some() && self.servers.shares_sessions())
    }

    /// Whether it must not be used again.
    pub const fn is_discarded(&self) -> bool {
        self.discarded
    }

    /// Runs `work` outside a transaction, unless its settings need one.
    pub fn run<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.local.is_some() {
            return self.in_transaction(work);
        }
        let result = work(&mut self.conn);
        self.observe(result)
    }

    /// As [`Conn::in_transaction`].
    pub fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = self.local.as_deref().map(|settings| pooler::begin(settings, self.servers.timeline()));
        self.transaction(begin.as_deref(), work)
    }

    /// Runs `work`, which finds out itself on which server it runs.
    pub fn run_anywhere<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.local.clone() {
            Some(settings) => self.transaction(Some(&settings), work),
            None => self.run(work),
        }
    }

    /// Runs `begin`, if there is one, and `work` in a transaction.
    fn transaction<T>(
        &mut self,
        begin: Option<&str>,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.conn.in_transaction(|conn| {
            begin.map_or(Ok(()), |begin| conn.batch_execute(begin))?;
            work(conn)
        });
        self.observe(result)
    }

    /// Updates the state of this connection, and of similar ones, from a result.
    fn observe<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Err(StoreError::ReadOnly(_)) => {
                self.discarded = true;
                if let Some(server) = self.server {
                    self.servers.mark_outdated(server);
                }
            }
            Err(StoreError::Pooled(_)) => {
                self.discarded = true;
                pooler::record_pooler(&self.servers);
            }
            Err(StoreError::Outdated(_)) => {
                self.discarded = true;
                self.servers.record_table_change(self.tables_version);
            }
            _ => {}
        }
        result
    }

    /// Checks that the database answers, even if tables are locked.
    pub fn ping(&mut self) -> Result<(), ConnectError> {
        let question = match &self.conn {
            Conn::Pg(_) => "select 1",
            // Reads the file, which a constant does not.
            Conn::Sqlite(_) => "pragma schema_version",
        };
        Ok(self.conn.batch_execute(question)?)
    }
}

impl Deref for PoolConnection {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for PoolConnection {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
