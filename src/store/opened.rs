//! A connection of the pool, and what becomes of it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};

use super::connect_error::ConnectError;
use super::connection::Conn;
use super::servers::{Server, Servers};
use super::{StoreError, pooler};

/// A connection, and where it leads.
pub struct Opened {
    conn: Conn,
    /// At PostgreSQL, but for a pooler, which leads to whichever server it likes.
    server: Option<Server>,
    /// What each transaction sets for itself, where a session does not keep it.
    local: Option<String>,
    spent: bool,
    /// Which form of the tables its prepared statements are for.
    form: u64,
    servers: Arc<Servers>,
    _held: Arc<()>,
}

impl Opened {
    fn new(conn: Conn, server: Option<Server>, local: Option<String>, servers: Arc<Servers>) -> Self {
        let (held, form) = (servers.hold(), servers.form());
        Self { conn, server, local, spent: false, form, servers, _held: held }
    }

    pub fn file(conn: SqliteConnection, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Sqlite(conn), None, None, servers)
    }

    pub fn at(conn: PgConnection, server: Server, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Pg(conn), Some(server), None, servers)
    }

    pub fn of_a_pooler(conn: PgConnection, local: String, servers: Arc<Servers>) -> Self {
        Self::new(Conn::Pg(conn), None, Some(local), servers)
    }

    /// The connection, for one who is no pool, and where it leads.
    pub fn into_parts(self) -> (Conn, Option<Server>) {
        (self.conn, self.server)
    }

    /// Whether newer connections lead elsewhere, or to tables of another form.
    pub fn is_left(&self) -> bool {
        self.form != self.servers.form()
            || self.server.is_some_and(|server| !self.servers.is_current(server))
            || (self.local.is_none() && self.server.is_some() && self.servers.shares_sessions())
    }

    /// Whether it is not to be used again.
    pub const fn is_spent(&self) -> bool {
        self.spent
    }

    /// Runs `work` outside a transaction, but where its settings ask for one.
    pub fn run<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.local.is_some() {
            return self.in_transaction(work);
        }
        let result = work(&mut self.conn);
        self.heed(result)
    }

    /// As [`Conn::in_transaction`].
    pub fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let local = self.local.as_deref();
        let result = self.conn.in_transaction(|conn| {
            local.map_or(Ok(()), |local| conn.batch_execute(local))?;
            work(conn)
        });
        self.heed(result)
    }

    /// What an error says of the connection and of all that are like it.
    fn heed<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Err(StoreError::ReadOnly(_)) => {
                self.spent = true;
                if let Some(server) = self.server {
                    self.servers.leave(server);
                }
            }
            Err(StoreError::Pooled(_)) => {
                self.spent = true;
                pooler::found(&self.servers);
            }
            Err(StoreError::Outdated(_)) => {
                self.spent = true;
                self.servers.change_form(self.form);
            }
            _ => {}
        }
        result
    }

    /// Whether the database answers, whatever is locked in it.
    pub fn ping(&mut self) -> Result<(), ConnectError> {
        let question = match &self.conn {
            Conn::Pg(_) => "select 1",
            // Reads the file, which a constant does not.
            Conn::Sqlite(_) => "pragma schema_version",
        };
        Ok(self.conn.batch_execute(question)?)
    }
}

impl Deref for Opened {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
