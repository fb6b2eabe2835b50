//! Hints: notifications that there is something to read. Whoever changes something sends one after the commit, and
//! outside the transaction. A hint that is lost costs a quarter of the bound, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::PgConnection;
use diesel::connection::SimpleConnection;

use super::connection::Conn;
use super::error::StoreError;

/// The channel of the hints.
const CHANNEL: &str = "jeton_changes";

/// Whether this process has changed something that nobody was told of yet.
#[derive(Debug, Default)]
pub struct Hints {
    has_changed: AtomicBool,
    /// Whether a `ChangeReader` of this process sends the hints, one for several changes.
    are_collected: AtomicBool,
}

impl Hints {
    /// Records a change. Returns whether the caller, who made it, must send the hint.
    pub fn record(&self) -> bool {
        self.has_changed.store(true, Ordering::Release);
        !self.are_collected.load(Ordering::Acquire)
    }

    /// From now on a reader sends them.
    pub fn collect(&self) {
        self.are_collected.store(true, Ordering::Release);
    }

    /// Whether something was changed since the last [`Hints::take`].
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Acquire)
    }

    /// The same, and forgets it.
    pub fn take(&self) -> bool {
        self.has_changed.swap(false, Ordering::AcqRel)
    }
}

/// Sends a hint, in a transaction of its own. Its commit takes a lock of the whole cluster, which another program's
/// notification may hold for long: then the hint is not sent. It waits for no disk and no synchronous standby, because
/// the reader of the change log would wait with it.
pub fn send(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Pg(pg) => pg.batch_execute(&format!(
            "set local lock_timeout = '100ms'; set local synchronous_commit = off; select pg_notify('{CHANNEL}', pg_backend_pid()::text)"
        ))?,
        // SQLite has no notifications. Other processes read the change log four times per bound anyway.
        Conn::Sqlite(_) => {}
    }
    Ok(())
}

/// A connection that receives the hints of others. It runs no statements.
pub struct HintListener {
    conn: Box<PgConnection>,
    /// The session whose hints are this process's own.
    own: String,
}

impl HintListener {
    /// Starts to listen on `conn`. `own`: the session that sends this process's hints.
    pub fn start(mut conn: PgConnection, own: i32) -> Result<Self, StoreError> {
        // The session stays idle. PostgreSQL before 14 does not end idle sessions, and does not know the setting.
        if let Err(error) = conn.batch_execute("set idle_session_timeout = 0") {
            log::debug!("this server does not end idle sessions: {error}");
        }
        conn.batch_execute(&format!("listen {CHANNEL}"))?;
        Ok(Self { conn: Box::new(conn), own: own.to_string() })
    }

    /// Whether somebody else sent a hint since the last call. Does not wait.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn take(&mut self) -> Result<bool, StoreError> {
        let mut is_hinted = false;
        for notification in self.conn.notifications_iter() {
            is_hinted |= notification?.payload != self.own;
        }
        Ok(is_hinted)
    }
}
