//! At which of the servers that `DATABASE_URL` may lead to the connections are.
//!
//! A name can come to mean another server while the old one lives on, and of several hosts another may become the primary.
//! Whoever asks the one and listens to the other believes what is no longer so. The newest connection is right: it went
//! where the URL leads now. Connections to any other server are let go when they are next taken, and there is no proof
//! from a listener at another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl, sql_query};

use super::StoreError;

/// Which server it is: when its postmaster was started, to the microsecond. Everybody may read that, while two ways to one
/// server have two addresses, and a primary and its standby one system identifier. 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server(u64);

/// What all connections of a store know together.
#[derive(Debug, Default)]
pub struct Servers {
    /// Which of the hosts has answered last.
    preferred: AtomicUsize,
    /// The newest connection's.
    current: AtomicU64,
    /// Whether sessions are shared: see `pooler.rs`.
    shares_sessions: AtomicBool,
    /// Counts how often the tables were found to have changed their form: statements that were prepared before are of no use.
    form: AtomicU64,
    /// A clone for each connection that a pool holds.
    held: Arc<()>,
    /// Whether there has been one.
    reached: AtomicBool,
}

impl Servers {
    /// The places of so many hosts, the one that answered last first.
    pub fn order(&self, hosts: usize) -> impl Iterator<Item = usize> {
        let first = self.preferred.load(Ordering::Acquire) % hosts.max(1);
        (first..hosts).chain(0..first)
    }

    /// This one has answered.
    pub fn prefer(&self, host: usize) {
        self.preferred.store(host, Ordering::Release);
    }

    /// The newest connection is there.
    pub fn arrive(&self, server: Server) {
        self.current.store(server.0, Ordering::Release);
    }

    /// Whether the newest connection is there too. To be asked after whatever is to be believed was heard.
    pub fn is_current(&self, server: Server) -> bool {
        self.current.load(Ordering::Acquire) == server.0
    }

    /// Whoever is there is to go: it takes no writes.
    pub fn leave(&self, server: Server) {
        // Unless newer connections went elsewhere.
        let _ = self.current.compare_exchange(server.0, 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// From now on nothing is left in a session. Says whether that is new.
    pub fn share_sessions(&self) -> bool {
        !self.shares_sessions.swap(true, Ordering::AcqRel)
    }

    /// Whether sessions are shared.
    pub fn shares_sessions(&self) -> bool {
        self.shares_sessions.load(Ordering::Acquire)
    }

    /// Which form the tables have.
    pub fn form(&self) -> u64 {
        self.form.load(Ordering::Acquire)
    }

    /// They have another one than this. Those who find it out together count it once.
    pub fn change_form(&self, from: u64) {
        let _ = self.form.compare_exchange(from, from + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// To be kept by a connection of a pool as long as it lives.
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
    /// Where this connection is.
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

/// That the database's encoding can hold every name. A database in SQL_ASCII holds any bytes, so it is accepted with a
/// warning: it ignores case in searches for ASCII letters only.
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
