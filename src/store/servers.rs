//! The PostgreSQL server that the connections go to, of those that `DATABASE_URL` may name.
//!
//! A host name can begin to point to another server while the old one still runs, and of several hosts another may
//! become the primary. A node that reads from one server and listens to another would serve outdated answers. The
//! newest connection counts, because it went where the URL leads now. Connections to other servers are closed when they
//! are next taken from the pool, and a reading of the change log at another one does not count.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl, sql_query};

use super::StoreError;

/// Identifies a server: by the start of its postmaster, to the microsecond. Every role may read that. Addresses do not
/// identify it, because there may be two ways to one server, and the system identifier does not, because a primary and
/// its standby share it. 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server(u64);

/// The state that all connections of a store share.
#[derive(Debug, Default)]
pub struct Servers {
    /// The index of the host that answered last.
    preferred: AtomicUsize,
    /// The server of the newest connection.
    current: AtomicU64,
    /// Whether sessions are shared: see `pooler.rs`.
    shares_sessions: AtomicBool,
    /// The cluster and the timeline that the change log was last read on. A standby that is promoted begins a new one.
    timeline: Mutex<Option<(u64, u32)>>,
    /// How many changes of the tables were noticed. Statements that were prepared before the last one are useless.
    tables_version: AtomicU64,
    /// A clone for each connection that a pool holds.
    held: Arc<()>,
    /// Whether a connection was ever opened.
    reached: AtomicBool,
}

impl Servers {
    /// The indexes of the hosts, beginning with the one that answered last.
    pub fn order(&self, hosts: usize) -> impl Iterator<Item = usize> {
        let first = self.preferred.load(Ordering::Acquire) % hosts.max(1);
        (first..hosts).chain(0..first)
    }

    /// Records that this host has answered.
    pub fn prefer(&self, host: usize) {
        self.preferred.store(host, Ordering::Release);
    }

    /// Records the server of the newest connection.
    pub fn set_current(&self, server: Server) {
        self.current.store(server.0, Ordering::Release);
    }

    /// Whether the newest connection is at this server, too. Must be called after the reads that depend on it.
    pub fn is_current(&self, server: Server) -> bool {
        self.current.load(Ordering::Acquire) == server.0
    }

    /// Marks a server as outdated, because it takes no writes.
    pub fn mark_outdated(&self, server: Server) {
        // Unless newer connections go to another server already.
        let _ = self.current.compare_exchange(server.0, 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Records that sessions are shared. Returns whether that is new.
    pub fn share_sessions(&self) -> bool {
        !self.shares_sessions.swap(true, Ordering::AcqRel)
    }

    /// Whether sessions are shared.
    pub fn shares_sessions(&self) -> bool {
        self.shares_sessions.load(Ordering::Acquire)
    }

    /// The timeline that the change log was last read on.
    pub fn timeline(&self) -> Option<u32> {
        self.lock_timeline().map(|(_, timeline)| timeline)
    }

    fn lock_timeline(&self) -> MutexGuard<'_, Option<(u64, u32)>> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the cluster and the timeline that the change log was read on. Returns whether this is the newest timeline
    /// of that cluster: after a failover, a pooler may still lead to the old primary.
    #[must_use]
    pub fn advance_timeline(&self, cluster: u64, timeline: u32) -> bool {
        let mut newest = self.lock_timeline();
        match *newest {
            Some((known, newer)) if known == cluster && newer > timeline => false,
            _ => {
                *newest = Some((cluster, timeline));
                true
            }
        }
    }

    /// The version of the tables.
    pub fn tables_version(&self) -> u64 {
        self.tables_version.load(Ordering::Acquire)
    }

    /// Records that the tables have changed since this version. Connections that notice it together count it once.
    pub fn record_table_change(&self, from: u64) {
        let _ = self.tables_version.compare_exchange(from, from + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// A guard that a pooled connection holds as long as it lives.
    pub fn hold(&self) -> Arc<()> {
        self.reached.store(true, Ordering::Release);
        Arc::clone(&self.held)
    }

    /// Whether a connection was ever opened.
    pub fn were_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// How many connections the pools hold.
    pub fn held(&self) -> usize {
        Arc::strong_count(&self.held) - 1
    }
}

#[derive(diesel::QueryableByName)]
struct Started {
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    at: chrono::NaiveDateTime,
}

impl Server {
    /// The server of this connection.
    pub fn of(conn: &mut PgConnection) -> Result<Self, StoreError> {
        let started = sql_query("select pg_postmaster_start_time() as at").get_result::<Started>(conn)?;
        Ok(Self(started.at.and_utc().timestamp_micros().unsigned_abs()))
    }
}

#[derive(diesel::QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Checks that the database's encoding can hold every name. A database in SQL_ASCII holds any bytes, so it is accepted
/// with a warning: in it, searches ignore the case of A to Z only.
pub fn require_encoding(conn: &mut PgConnection) -> Result<(), StoreError> {
    const MAKE_ONE: &str = "create database jeton encoding 'UTF8' template template0";
    let encoding: Encoding = sql_query("select current_setting('server_encoding') as name").get_result(conn)?;
    match encoding.name.as_str() {
        "UTF8" => Ok(()),
        "SQL_ASCII" => {
            log::warn!(
                "the database has the encoding SQL_ASCII: searches ignore case for the letters A to Z only; \
                 a database in UTF8 is better, for example by {MAKE_ONE}"
            );
            Ok(())
        }
        other => Err(StoreError::Unusable(format!(
            "the database has the encoding {other}, which cannot hold every name: give jeton one in UTF8, for example \
             by {MAKE_ONE}"
        ))),
    }
}
