//! Detects a transaction pooler between jeton and PostgreSQL.
//!
//! Such a pooler shares one session of the server among many clients, one transaction at a time. So nothing may stay in
//! a session: other clients would get its prepared statements and settings, and notifications could arrive while no
//! client has it. Behind a pooler statements are not prepared, settings last for one transaction, and nothing listens.
//! Each transaction checks that it runs on the server that the change log is read from: after a failover a pooler may
//! still have sessions of the old primary.

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::sql_types::Integer;
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

use super::connect_error::{ConnectError, NO_TRANSACTIONS};
use super::error::StoreError;
use super::servers::Servers;

#[derive(diesel::QueryableByName)]
struct Session {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// The process id of the server's session.
pub fn session_of(conn: &mut PgConnection) -> Result<i32, StoreError> {
    Ok(sql_query("select pg_backend_pid() as pid").get_result::<Session>(conn)?.pid)
}

/// Stops preparing statements, which would stay in the session.
pub fn disable_prepared_statements(conn: &mut PgConnection) {
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
}

/// The statements at the start of each transaction. They set its settings, and check that this server is still the one
/// that the change log is read from. If it is not, they fail with the error of a write on a standby.
pub fn begin(settings: &str, timeline: Option<u32>) -> String {
    let check = timeline.map(|timeline| {
        format!(
            "; do $$ begin if left(pg_walfile_name(pg_current_wal_lsn()), 8) <> '{timeline:08X}' then \
             raise 'another server has taken over' using errcode = 'read_only_sql_transaction'; end if; end $$"
        )
    });
    format!("{settings}{}", check.unwrap_or_default())
}

/// How often two connections are compared. Other clients of the pooler may take sessions in between, so that by chance each
/// of the two gets the same session again.
const COMPARISONS: usize = 5;

/// Whether two open connections share a session, or one of them uses two. In this order of queries the result does not
/// depend on which session the pooler takes next.
pub fn shares_sessions(one: &mut PgConnection, other: &mut PgConnection) -> Result<bool, StoreError> {
    for _ in 0..COMPARISONS {
        let mut sessions = [0; 4];
        for (at, session) in sessions.iter_mut().enumerate() {
            *session = session_of(if at == 0 || at == 3 { one } else { other })?;
        }
        let [first, second, third, fourth] = sessions;
        if first == second || first != fourth || second != third {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks that a transaction may have several statements. A pooler in statement mode ends the connection when one
/// begins.
pub fn require_transactions(conn: &mut PgConnection) -> Result<(), ConnectError> {
    let begun = conn.batch_execute("begin").and_then(|()| conn.batch_execute("rollback"));
    begun.map_err(|error| ConnectError(format!("{NO_TRANSACTIONS}: {}", ConnectError::from(error).0)))
}

/// Records that there is a pooler; logs it once.
pub fn record_pooler(servers: &Servers) {
    if servers.share_sessions() {
        log::warn!(
            "there is a transaction pooler in front of PostgreSQL: statements are not prepared, and this node notices \
             changes by others only when it next reads the change log"
        );
    }
}
