//! The nodes of a PostgreSQL database, by the sessions that they have open.
//!
//! One session of a node, which reads the change log, has the node's name as its `application_name`. So nodes are seen
//! without a table that each would have to write to all the time. Behind a transaction pooler, whose sessions belong to
//! nobody, they cannot be told apart.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Nullable, Text, Timestamptz};

use super::connection::Conn;
use super::manager::APPLICATION_NAME;
use super::pool_connection::PoolConnection;
use super::{Store, StoreError};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::node_name::NodeName;
use crate::domain::time::Timestamp;

/// How many names and addresses are listed at most.
const MAX_LISTED: i64 = 1_000;

/// Sessions of jeton that have the same name and come from the same address.
#[derive(Clone, Debug, PartialEq)]
pub struct JetonSessions {
    /// Their `application_name`.
    pub name: String,
    /// Where they come from. `None` for a Unix socket, and if this role may not see it.
    pub address: Option<String>,
    /// Whether this process's sessions come from there, too.
    pub is_own_address: bool,
    /// When the first of them was opened. `None` if this role may not see it.
    pub since: Option<Timestamp>,
    /// How many seconds ago one of them has sent or finished a statement. Both times are the database's.
    pub silent_seconds: Option<f64>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    address: Option<String>,
    #[diesel(sql_type = Bool)]
    is_own_address: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    since: Option<chrono::NaiveDateTime>,
    #[diesel(sql_type = Nullable<Double>)]
    silent_seconds: Option<f64>,
}

/// Sessions of nodes, and others that have this session's own name: those of older versions and of commands, and those
/// of all nodes if `DATABASE_URL` names them.
const SESSIONS: &str = "select application_name as name, host(client_addr) as address, \
    client_addr is not distinct from inet_client_addr() as is_own_address, min(backend_start) as since, \
    extract(epoch from clock_timestamp() - max(greatest(query_start, state_change)))::float8 as silent_seconds \
    from pg_stat_activity where datname = current_database() and application_name <> '' \
    and (application_name like 'jeton/%' or application_name = current_setting('application_name')) \
    and pid <> pg_backend_pid() group by 1, 2, 3 order by 1, 2 limit ";

impl Store {
    /// The sessions of jeton in this database, by name and address. None for SQLite, which only one node has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn list_sessions_of_nodes(&self) -> Result<Vec<JetonSessions>, StoreError> {
        match self.url() {
            DatabaseUrl::Sqlite(_) => return Ok(Vec::new()),
            DatabaseUrl::Postgres(_) => {}
        }
        let rows: Vec<Row> = self.read(|conn| match conn {
            Conn::Pg(pg) => Ok(diesel::sql_query(format!("{SESSIONS}{MAX_LISTED}")).load(pg)?),
            Conn::Sqlite(_) => Ok(Vec::new()),
        })?;
        let sessions = rows.into_iter().map(|row| JetonSessions {
            name: row.name,
            address: row.address,
            is_own_address: row.is_own_address,
            since: row.since.map(Timestamp::from_naive),
            silent_seconds: row.silent_seconds,
        });
        Ok(sessions.collect())
    }

    /// Whether a transaction pooler is known to stand before the database.
    #[must_use]
    pub fn is_behind_pooler(&self) -> bool {
        self.pools.current().servers.shares_sessions()
    }
}

/// The name of the node that this process is.
#[must_use]
pub fn own_node_name() -> NodeName {
    NodeName::this_version(&rustix::system::uname().nodename().to_string_lossy(), std::process::id())
}

/// Gives a session the name of this node, unless `DATABASE_URL` names it, or it is a pooler's, which others will have.
pub(super) fn name_session(conn: &mut PoolConnection, is_shared: bool) {
    if is_shared {
        return;
    }
    let named = conn.run(|conn| match conn {
        Conn::Pg(pg) => {
            let query = "select set_config('application_name', $1, false) \
                         where current_setting('application_name') = $2";
            let query = diesel::sql_query(query).bind::<Text, _>(own_node_name().to_string());
            Ok(query.bind::<Text, _>(APPLICATION_NAME).execute(pg)?)
        }
        Conn::Sqlite(_) => Ok(0),
    });
    if let Err(error) = named {
        log::debug!("the session that reads the change log cannot be named after this node: {error}");
    }
}
