//! Opens connections, to PostgreSQL or SQLite by the URL's scheme, and checks them when they are taken from the pool.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::connect_error::ConnectError;
use super::connection::{Conn, Role, folded_utils, lower_utils};
use super::opened_file::OpenedFile;
use super::pool_connection::PoolConnection;
use super::servers::{Server, Servers};
use super::system_roots::with_system_roots;
use super::{pooler, sqlite_file};
use crate::domain::database_hosts::each_host;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::folded::folded;

/// Opens and checks connections for the pool.
#[derive(Clone, Debug)]
pub struct Manager {
    url: DatabaseUrl,
    role: Role,
    timeout: Duration,
    file: Arc<OpenedFile>,
    servers: Arc<Servers>,
}

impl Manager {
    pub const fn new(
        url: DatabaseUrl,
        role: Role,
        timeout: Duration,
        file: Arc<OpenedFile>,
        servers: Arc<Servers>,
    ) -> Self {
        Self { url, role, timeout, file, servers }
    }

    pub const fn servers(&self) -> &Arc<Servers> {
        &self.servers
    }

    /// Opens the first connection, and finds out whether there is a transaction pooler. May be called again.
    pub fn first_connect(&self) -> Result<PoolConnection, ConnectError> {
        let scrubbed = |error: ConnectError| ConnectError(self.url.scrub(&error.0));
        let url = match &self.url {
            DatabaseUrl::Postgres(url) => url,
            DatabaseUrl::Sqlite(_) => return r2d2::ManageConnection::connect(self),
        };
        let mut conn = self.reach(url).map_err(scrubbed)?;
        pooler::require_transactions(&mut conn).map_err(scrubbed)?;
        // If only one connection is allowed, a pooler cannot be detected here. It is detected by the first error that
        // it causes.
        if let Ok(mut other) = self.reach(url)
            && pooler::shares_sessions(&mut conn, &mut other).unwrap_or(false)
        {
            pooler::record_pooler(&self.servers);
        }
        self.set_up(conn).map_err(scrubbed)
    }

    /// Tries the hosts one by one, so that each has its own timeout, and it is known which one answered.
    fn reach(&self, url: &str) -> Result<PgConnection, ConnectError> {
        let hosts = each_host(url);
        let mut refusals: Vec<String> = Vec::new();
        for at in self.servers.order(hosts.len()) {
            match PgConnection::establish(&with_defaults(&with_system_roots(&hosts[at]))) {
                Ok(conn) => {
                    self.servers.prefer(at);
                    return Ok(conn);
                }
                Err(error) => refusals.push(ConnectError::from(error).0),
            }
        }
        Err(ConnectError(refusals.join("; ")))
    }

    fn set_up(&self, mut conn: PgConnection) -> Result<PoolConnection, ConnectError> {
        let (millis, idle) = (self.timeout.as_millis(), "idle_in_transaction_session_timeout = '30s'");
        if self.servers.shares_sessions() {
            pooler::disable_prepared_statements(&mut conn);
            let local = format!("set local statement_timeout = {millis}; set local {idle}");
            return Ok(PoolConnection::behind_pooler(conn, local, Arc::clone(&self.servers)));
        }
        // Messages are in English for the log. An ordinary role may not set this; the block catches the refusal, so
        // that the server does not log it.
        conn.batch_execute(&format!(
            "set statement_timeout = {millis}; set {idle}; set client_min_messages = 'warning'; \
             do $$ begin perform set_config('lc_messages', 'C', false); \
             exception when insufficient_privilege then null; end $$"
        ))?;
        // If this process is suspended while it reads an answer, the server waits for it. The transaction stays open,
        // and keeps dead rows from being vacuumed. No other timeout ends this wait. Over a Unix socket nothing does.
        if let Err(error) = conn.batch_execute(SET_TCP_USER_TIMEOUT) {
            log::debug!("cannot set tcp_user_timeout for the server's side: {error}");
        }
        let server = Server::of(&mut conn).map_err(|error| ConnectError(error.to_string()))?;
        // Before the first query on this connection, so that a connection to another server is known to be outdated.
        self.servers.set_current(server);
        Ok(PoolConnection::postgres(conn, server, Arc::clone(&self.servers)))
    }

    fn open_sqlite(&self, file: &Path) -> Result<PoolConnection, ConnectError> {
        let opened = self.file.check(file)?;
        let path = file.to_str().ok_or_else(|| ConnectError("the database's path is not UTF-8".into()))?;
        let named = |error: ConnectError| ConnectError(format!("{path}: {}", error.0));
        // The file is never created here: `Store::migrate` creates it, after it has checked that the file may be jeton's.
        let mut conn =
            SqliteConnection::establish(&sqlite_file::uri(path, "mode=rw")).map_err(|error| named(error.into()))?;
        let query_only = self.role == Role::Read;
        // If the file belongs to another program, its journal mode is not changed.
        let journal = if self.file.is_ours() { "pragma journal_mode = wal; " } else { "" };
        conn.batch_execute(&format!(
            "pragma busy_timeout = {}; {journal}pragma synchronous = full; \
             pragma foreign_keys = on; pragma query_only = {query_only};",
            self.timeout.as_millis()
        ))
        .map_err(|error| named(error.into()))?;
        // SQLite's own function knows only ASCII letters; PostgreSQL's knows all letters.
        lower_utils::register_impl(&mut conn, |text: String| text.to_lowercase())?;
        folded_utils::register_impl(&mut conn, |text: String| folded(&text))?;
        // If the file was replaced while this connection waited for its locks, it is another database.
        self.file.remember(opened, self.role);
        self.file.check(file)?;
        Ok(PoolConnection::sqlite(conn, Arc::clone(&self.servers)))
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = PoolConnection;
    type Error = ConnectError;

    fn connect(&self) -> Result<PoolConnection, ConnectError> {
        match &self.url {
            DatabaseUrl::Postgres(url) => self.reach(url).and_then(|conn| self.set_up(conn)),
            DatabaseUrl::Sqlite(path) => self.open_sqlite(path),
        }
        .map_err(|error| ConnectError(self.url.scrub(&error.0)))
    }

    fn is_valid(&self, opened: &mut PoolConnection) -> Result<(), ConnectError> {
        if opened.is_outdated() {
            return Err(ConnectError("newer connections go to another server".into()));
        }
        match &mut **opened {
            Conn::Pg(pg) => check_alive(pg),
            Conn::Sqlite(_) => match &self.url {
                DatabaseUrl::Sqlite(path) => self.file.check(path).map(drop),
                DatabaseUrl::Postgres(_) => Ok(()),
            },
        }
    }

    fn has_broken(&self, opened: &mut PoolConnection) -> bool {
        std::thread::panicking() || opened.is_discarded() || opened.is_broken() || self.file.is_closing()
    }
}

/// Finds connections that the server has closed while they were idle, so that no request fails on one. It only reads
/// what has arrived, because a round trip here would be one for every request. The first read finds the server's last
/// message, the second one the end.
fn check_alive(conn: &mut PgConnection) -> Result<(), ConnectError> {
    for _ in 0..2 {
        conn.notifications_iter().try_for_each(|notification| notification.map(drop))?;
    }
    Ok(())
}

/// How long the server waits for a client that does not read; a value that the operator has set stays.
const SET_TCP_USER_TIMEOUT: &str = "select set_config('tcp_user_timeout', '30s', false) \
                              where current_setting('tcp_user_timeout') = '0'";

/// The name of the sessions, unless the operator has set one. `nodes.rs` gives one session of each node a longer name.
pub const APPLICATION_NAME: &str = "jeton";

/// How long a host may take to answer. libpq takes whole seconds, and two at least.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The URL with parameters that a service needs, unless the operator has set them: a timeout for a host that is gone,
/// and no server that is read-only or a standby, whose data may be out of date.
fn with_defaults(url: &str) -> String {
    with_parameters(
        url,
        &[
            ("connect_timeout", "2"),
            ("application_name", APPLICATION_NAME),
            ("target_session_attrs", "read-write"),
            ("keepalives_idle", "10"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
        ],
    )
}

/// The URL with these parameters, unless it has them.
pub fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in parameters {
        let is_set = url
            .split_once('?')
            .is_some_and(|(_, query)| query.split('&').any(|parameter| parameter.split('=').next() == Some(name)));
        if !is_set {
            let separator = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{separator}{name}={value}");
        }
    }
    url
}
