//! Hearing of changes: PostgreSQL's notifications, SQLite's `PRAGMA data_version`.
//!
//! Both answer one question, at a beat: what has changed, of all that was committed before the beat began? PostgreSQL
//! delivers notifications in the order of their commits, so when a beat that we send ourselves comes back, everything
//! before it has come too. The beat is sent by a connection of its own, and the one that listens asks nothing: so it must
//! hear while it lies idle, which it does not when a transaction pooler gives its session to somebody else meanwhile, and
//! it must be at the same server; so must those be who ask (`servers.rs`). SQLite tells whether another connection has written since it was asked last; what the one
//! writing connection of this process wrote it is told by the writer itself ([`Store::telling`]).

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Integer, Text};
use diesel::{PgConnection, RunQueryDsl, sql_query};
use r2d2::ManageConnection;

use super::connection::{Conn, Role};
use super::pooler::session_of;
use super::servers::{Server, Servers};
use super::{Store, StoreError};
use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;

/// The channel that the triggers in `migrations/postgres` notify.
pub(super) const CHANNEL: &str = "jeton_changes";

/// How long a beat may take to come back once the server has said that it was sent; a millisecond is usual.
const LONGEST_RETURN: Duration = Duration::from_secs(2);

/// Hears what others change.
pub enum Listener {
    /// Two connections that nobody else uses.
    Postgres {
        /// Hears.
        ears: Box<PgConnection>,
        /// Sends the beats.
        voice: Box<PgConnection>,
        /// What our beats begin with, and nobody else's.
        name: String,
        /// How many were sent.
        beats: u64,
        /// Where the lookups are asked, too, as long as both connections lead there.
        store: Store,
        /// Where `DATABASE_URL` led.
        url: DatabaseUrl,
        /// Where both connections lead.
        server: Server,
        /// Where those lead that ask.
        servers: Arc<Servers>,
    },
    /// The writing connection is asked.
    Sqlite {
        /// Where it is.
        store: Store,
        /// Which writing connection this was and what it said last.
        seen: Option<(u64, i32)>,
    },
}

#[derive(diesel::QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = Integer)]
    data_version: i32,
}

impl Store {
    /// Begins to listen. What was changed before it returned may have been missed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn listen(&self) -> Result<Listener, StoreError> {
        if !self.url.is_postgres() {
            return Ok(Listener::Sqlite { store: self.clone(), seen: None });
        }
        let pools = self.pools.now();
        let url = pools.url.clone();
        if pools.servers.shares_sessions() {
            return Err(deaf());
        }
        self.check()?;
        let manager = pools.manager(Role::Write);
        let connect = || {
            let opened = manager.connect().map_err(|error| {
                self.suspect();
                StoreError::Unavailable(error.to_string())
            })?;
            match opened.into_parts() {
                (Conn::Pg(pg), Some(server)) => Ok((pg, server)),
                (Conn::Pg(_), None) => Err(deaf()),
                (Conn::Sqlite(_), _) => Err(StoreError::Failed("a URL of PostgreSQL gave SQLite".into())),
            }
        };
        let (mut ears, server) = connect()?;
        // It hears and says nothing. PostgreSQL before 14 ends no session for that, and does not know the setting.
        if let Err(error) = ears.batch_execute("set idle_session_timeout = 0") {
            log::debug!("sessions that lie idle are not ended here: {error}");
        }
        let (mut voice, other) = connect()?;
        if server != other {
            return Err(left());
        }
        let name = format!("beat {} {}", session_of(&mut ears)?, session_of(&mut voice)?);
        ears.batch_execute(&format!("listen {CHANNEL}"))?;
        let (ears, voice, servers) = (Box::new(ears), Box::new(voice), Arc::clone(&pools.servers));
        Ok(Listener::Postgres { ears, voice, name, beats: 0, store: self.clone(), url, server, servers })
    }
}

impl Listener {
    /// What has changed since it was asked last, up to now: every change that was committed before the call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a connection is gone, or the newest ones go to another server; changes may have been
    /// missed then.
    /// [`StoreError::Unusable`] when the beat does not come back.
    pub fn beat(&mut self) -> Result<Vec<Change>, StoreError> {
        match self {
            Self::Postgres { ears, voice, name, beats, store, url, server, servers } => {
                if !store.leads_to(url)? {
                    return Err(StoreError::Unavailable("DATABASE_URL has another value".into()));
                }
                *beats += 1;
                let beat = format!("{name} {beats}");
                sql_query("select pg_notify($1, $2)")
                    .bind::<Text, _>(CHANNEL)
                    .bind::<Text, _>(&beat)
                    .execute(&mut **voice)?;
                let mut changes = Vec::new();
                let waiting = Stopwatch::start();
                while !hear(ears, Some(&beat), &mut changes)? {
                    if waiting.elapsed() > LONGEST_RETURN {
                        return Err(deaf());
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                // Last: whoever has gone elsewhere by now has asked nothing there that this beat could vouch for.
                if !servers.is_current(*server) {
                    return Err(left());
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

    /// What has come in between two beats; proves nothing, but makes changes heard sooner.
    ///
    /// # Errors
    /// As [`Listener::beat`].
    pub fn poll(&mut self) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        if let Self::Postgres { ears, .. } = self {
            hear(ears, None, &mut changes)?;
        }
        Ok(changes)
    }
}

/// Takes in what has arrived, up to `beat`; says whether that has come.
fn hear(ears: &mut PgConnection, beat: Option<&str>, changes: &mut Vec<Change>) -> Result<bool, StoreError> {
    for notification in ears.notifications_iter() {
        let payload = notification?.payload;
        if beat == Some(payload.as_str()) {
            return Ok(true);
        }
        if !payload.starts_with("beat ") {
            // Whatever a newer node may tell: what is not understood may concern anything.
            changes.push(payload.parse().unwrap_or(Change::Everything));
        }
    }
    Ok(false)
}

fn left() -> StoreError {
    StoreError::Unavailable("newer connections go to another server, which is to be listened to from now on".into())
}

fn deaf() -> StoreError {
    StoreError::Unusable(
        "notifications do not come through to this connection; is there a transaction pooler before PostgreSQL? \
         Let DATABASE_URL go to the server itself, or to a pooler in session mode"
            .into(),
    )
}
