//! Receives changes: PostgreSQL's notifications, SQLite's `PRAGMA data_version`.
//!
//! At each heartbeat both answer one question: which changes were committed before the heartbeat began? PostgreSQL
//! delivers notifications in the order of commits, so when a heartbeat that we send ourselves comes back, every change
//! before it has come, too. The heartbeat is sent on a connection of its own, and the listening connection runs no
//! queries. It must receive notifications while it is idle, so it does not work behind a transaction pooler. Both
//! connections must go to the same server as those that look up tokens (`servers.rs`). SQLite reports whether another
//! connection has written since the last question; changes by the one writing connection of this process are reported
//! by the writer itself ([`Store::on_change`]).

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Integer, Text};
use diesel::{PgConnection, RunQueryDsl, sql_query};
use r2d2::ManageConnection;

use super::connection::{Conn, Role};
use super::pooler::session_of;
use super::servers::{Server, Servers};
use super::{Store, StoreError, UrlChange};
use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;

/// The channel that the triggers in `migrations/postgres` notify.
pub(super) const CHANNEL: &str = "jeton_changes";

/// How long a heartbeat may take to come back once the server has accepted it; a millisecond is usual.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// Receives the changes of others.
pub enum Listener {
    /// Two connections that nobody else uses.
    Postgres {
        /// Receives notifications.
        listen_conn: Box<PgConnection>,
        /// Sends the heartbeats.
        notify_conn: Box<PgConnection>,
        /// The prefix of our own heartbeats.
        name: String,
        /// How many were sent.
        heartbeats: u64,
        /// The store, whose lookups must go to the same server.
        store: Store,
        /// The value of `DATABASE_URL` at the start.
        url: DatabaseUrl,
        /// The server of both connections.
        server: Server,
        /// The servers of all other connections.
        servers: Arc<Servers>,
    },
    /// Asks the writing connection.
    Sqlite {
        /// The store.
        store: Store,
        /// The number of the writing connection, and its last answer.
        seen: Option<(u64, i32)>,
    },
}

#[derive(diesel::QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = Integer)]
    data_version: i32,
}

impl Store {
    /// Starts to listen. Changes before it returns may have been missed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn listen(&self) -> Result<Listener, StoreError> {
        match &self.url {
            DatabaseUrl::Postgres(_) => self.listen_postgres(),
            DatabaseUrl::Sqlite(_) => Ok(Listener::Sqlite { store: self.clone(), seen: None }),
        }
    }

    fn listen_postgres(&self) -> Result<Listener, StoreError> {
        let pools = self.pools.current();
        let url = pools.url.clone();
        if pools.servers.shares_sessions() {
            return Err(not_delivered());
        }
        self.check()?;
        let manager = pools.manager(Role::Write);
        let connect = || {
            let opened = manager.connect().map_err(|error| {
                self.start_probe();
                StoreError::Unavailable(error.to_string())
            })?;
            match opened.into_parts() {
                (Conn::Pg(pg), Some(server)) => Ok((pg, server)),
                (Conn::Pg(_), None) => Err(not_delivered()),
                (Conn::Sqlite(_), _) => Err(StoreError::Failed("a PostgreSQL URL opened SQLite".into())),
            }
        };
        let (mut listen_conn, server) = connect()?;
        // The session stays idle. PostgreSQL before 14 does not end idle sessions, and does not know the setting.
        if let Err(error) = listen_conn.batch_execute("set idle_session_timeout = 0") {
            log::debug!("this server does not end idle sessions: {error}");
        }
        let (mut notify_conn, other) = connect()?;
        if server != other {
            return Err(server_changed());
        }
        // Nodes of other versions recognise a heartbeat by this word.
        let name = format!("beat {} {}", session_of(&mut listen_conn)?, session_of(&mut notify_conn)?);
        listen_conn.batch_execute(&format!("listen {CHANNEL}"))?;
        let (listen_conn, notify_conn, servers) =
            (Box::new(listen_conn), Box::new(notify_conn), Arc::clone(&pools.servers));
        Ok(Listener::Postgres {
            listen_conn,
            notify_conn,
            name,
            heartbeats: 0,
            store: self.clone(),
            url,
            server,
            servers,
        })
    }
}

impl Listener {
    /// The changes since the last call, up to now: every change that was committed before this call is included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a connection is gone, or the newest ones go to another server; changes may have
    /// been missed then. [`StoreError::Unusable`] when the heartbeat does not come back.
    pub fn heartbeat(&mut self) -> Result<Vec<Change>, StoreError> {
        match self {
            Self::Postgres { listen_conn, notify_conn, name, heartbeats, store, url, server, servers } => {
                if store.compare_url(url)? != UrlChange::Same {
                    return Err(StoreError::Unavailable("DATABASE_URL has another value".into()));
                }
                *heartbeats += 1;
                let heartbeat = format!("{name} {heartbeats}");
                sql_query("select pg_notify($1, $2)")
                    .bind::<Text, _>(CHANNEL)
                    .bind::<Text, _>(&heartbeat)
                    .execute(&mut **notify_conn)?;
                let mut changes = Vec::new();
                let waiting = Stopwatch::start();
                while !receive(listen_conn, Some(&heartbeat), &mut changes)? {
                    if waiting.elapsed() > HEARTBEAT_TIMEOUT {
                        return Err(not_delivered());
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                // Checked last: if newer connections go to another server by now, this heartbeat says nothing about
                // what they read there.
                if !servers.is_current(*server) {
                    return Err(server_changed());
                }
                Ok(changes)
            }
            Self::Sqlite { store, seen } => {
                let file = store.file.clone();
                let now = store.on_writer(|conn| {
                    let version = sql_query("pragma data_version").get_result::<DataVersion>(conn)?.data_version;
                    Ok((file.writers(), version))
                })?;
                let changed = *seen != Some(now);
                *seen = Some(now);
                Ok(if changed { vec![Change::Everything] } else { Vec::new() })
            }
        }
    }

    /// The changes that have come in between two heartbeats. They confirm nothing, but take effect sooner.
    ///
    /// # Errors
    /// As [`Listener::heartbeat`].
    pub fn poll(&mut self) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        if let Self::Postgres { listen_conn, .. } = self {
            receive(listen_conn, None, &mut changes)?;
        }
        Ok(changes)
    }
}

/// Takes the notifications that have arrived, up to `heartbeat`. Returns whether that has.
fn receive(
    listen_conn: &mut PgConnection,
    heartbeat: Option<&str>,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    for notification in listen_conn.notifications_iter() {
        let payload = notification?.payload;
        if heartbeat == Some(payload.as_str()) {
            return Ok(true);
        }
        if !payload.starts_with("beat ") {
            // A newer node may send changes that this one does not know; they may concern anything.
            changes.push(payload.parse().unwrap_or(Change::Everything));
        }
    }
    Ok(false)
}

fn server_changed() -> StoreError {
    StoreError::Unavailable("newer connections go to another server; listening there from now on".into())
}

fn not_delivered() -> StoreError {
    StoreError::Unusable(
        "notifications do not reach this connection; is there a transaction pooler in front of PostgreSQL? \
         Let DATABASE_URL go to the server itself, or to a pooler in session mode"
            .into(),
    )
}
