//! Reads the change log repeatedly, on a connection of its own, each time within a deadline.
//!
//! A thread owns the connection. If the server freezes during a query, only this thread hangs. The caller gets an error
//! at the deadline, and opens a new reader, perhaps on another server. The thread keeps the whole cursor. The cursor in a
//! `Reading`, which others get, may be cut (`cursor.rs`).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use r2d2::ManageConnection;

use super::listening::Listening;
use super::{Cursor, Reading, read_from};
use crate::domain::database_url::DatabaseUrl;
use crate::store::connection::{Conn, Role};
use crate::store::hints::{Hints, send};
use crate::store::nodes::name_session;
use crate::store::pool_connection::PoolConnection;
use crate::store::pooler::session_of;
use crate::store::servers::Servers;
use crate::store::{Store, StoreError, UrlChange};

/// How long opening the connections may take. Each host has two seconds, and then the server's identity is queried.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the change log.
pub struct ChangeReader {
    requests: Sender<Request>,
    answers: Receiver<Result<Reading, StoreError>>,
    deadline: Duration,
    hints: Arc<Hints>,
    listening: Option<Listening>,
}

/// A request to the thread.
struct Request {
    /// Whether the thread sends a hint afterwards.
    sends_hint: bool,
}

impl Store {
    /// Opens a reader. Its first reading gives a cursor, and no changes: `Since::Unknown`.
    ///
    /// # Errors
    /// When the thread cannot be started, or the database cannot be reached.
    pub fn change_reader(&self, deadline: Duration) -> Result<ChangeReader, StoreError> {
        self.check()?;
        let (requests, received) = channel();
        let (answer, answers) = channel();
        let (open, opened) = channel();
        let store = self.clone();
        let thread = std::thread::Builder::new().name("change-log".into());
        let spawned = thread.spawn(move || match ReaderThread::open(&store) {
            Ok(mut reader) => {
                // Sending fails, here and below, when the receiver is dropped. Then nobody waits for the answer.
                let _ = open.send(Ok(reader.session()));
                reader.serve(&received, &answer);
            }
            Err(error) => {
                store.start_probe();
                let _ = open.send(Err(error));
            }
        });
        spawned.map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        let session = receive(&opened, OPEN_TIMEOUT)?;
        let listening = session.map(|own| Listening::start(self, own));
        let hints = Arc::clone(&self.hints);
        self.hints.collect();
        Ok(ChangeReader { requests, answers, deadline, hints, listening })
    }
}

impl ChangeReader {
    /// Reads the changes since the reading before. Every change that was committed before this call is in this reading
    /// or in an earlier one, if none of them was `Since::Unknown`.
    ///
    /// # Errors
    /// [`StoreError`]. The reader must not be used after an error.
    pub fn read(&mut self) -> Result<Reading, StoreError> {
        let request = Request { sends_hint: self.hints.take() };
        self.requests
            .send(request)
            .map_err(|_| StoreError::Unavailable("the reader of the change log has ended".into()))?;
        receive(&self.answers, self.deadline)
    }

    /// Whether to read at once: another process has sent a hint, or this process has changed something. Does not wait.
    pub fn is_hinted(&mut self) -> bool {
        let by_others = self.listening.as_mut().is_some_and(Listening::take);
        self.hints.has_changed() || by_others
    }
}

/// Waits for an answer of the thread, at most until the deadline.
fn receive<T>(answers: &Receiver<Result<T, StoreError>>, deadline: Duration) -> Result<T, StoreError> {
    answers.recv_timeout(deadline).map_err(|error| match error {
        RecvTimeoutError::Timeout => {
            StoreError::Unavailable(format!("the change log could not be read within {deadline:?}"))
        }
        RecvTimeoutError::Disconnected => StoreError::Failed("the reader of the change log has ended".into()),
    })?
}

/// The thread's side: what it reads from, and how far it has read.
struct ReaderThread {
    store: Store,
    cursor: Option<Cursor>,
    opened: Option<Opened>,
}

/// A connection to PostgreSQL. For SQLite the pool's connections are used, because its file does not freeze.
struct Opened {
    conn: PoolConnection,
    url: DatabaseUrl,
    servers: Arc<Servers>,
}

impl ReaderThread {
    fn open(store: &Store) -> Result<Self, StoreError> {
        let opened = match store.url() {
            DatabaseUrl::Sqlite(_) => None,
            DatabaseUrl::Postgres(_) => Some(Opened::open(store)?),
        };
        Ok(Self { store: store.clone(), cursor: None, opened })
    }

    /// Serves requests until the reader is dropped, or a reading fails.
    fn serve(&mut self, requests: &Receiver<Request>, answers: &Sender<Result<Reading, StoreError>>) {
        while let Ok(request) = requests.recv() {
            let answer = self.read();
            let has_failed = answer.is_err();
            if answers.send(answer).is_err() || has_failed {
                return;
            }
            // After the answer, so that a hint that waits delays no reading that is under way.
            if request.sends_hint {
                self.send_hint();
            }
        }
    }

    /// Reads once. The first reading has no cursor, so its result is unknown: nobody has read the changes that were
    /// made after the last reading of the reader before this one.
    fn read(&mut self) -> Result<Reading, StoreError> {
        let after = self.cursor.as_ref();
        let (reading, next) = match &mut self.opened {
            None => self.store.read(|conn| read_from(conn, after))?,
            Some(opened) => opened.read(&self.store, after)?,
        };
        self.cursor = Some(next);
        Ok(reading)
    }

    fn send_hint(&mut self) {
        let Some(opened) = &mut self.opened else { return };
        if let Err(error) = opened.conn.in_transaction(send) {
            log::debug!("cannot send a hint: {error}");
        }
    }

    /// The session that reads, and sends this process's hints; `None` if there are no hints.
    fn session(&mut self) -> Option<i32> {
        let opened = self.opened.as_mut()?;
        let session = opened.conn.run(|conn| match conn {
            Conn::Pg(pg) => session_of(pg),
            Conn::Sqlite(_) => Err(StoreError::Failed("a PostgreSQL URL opened SQLite".into())),
        });
        session.inspect_err(|error| log::debug!("cannot listen for hints: {error}")).ok()
    }
}

impl Opened {
    fn open(store: &Store) -> Result<Self, StoreError> {
        let pools = store.pools.current();
        let opened = pools.manager(Role::Write).connect();
        let mut conn = opened.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        name_session(&mut conn, pools.servers.shares_sessions());
        Ok(Self { conn, url: pools.url.clone(), servers: Arc::clone(&pools.servers) })
    }

    fn read(&mut self, store: &Store, after: Option<&Cursor>) -> Result<(Reading, Cursor), StoreError> {
        if store.compare_url(&self.url)? != UrlChange::Same {
            return Err(StoreError::Unavailable("DATABASE_URL has another value".into()));
        }
        let (reading, next) = self.conn.run_anywhere(|conn| read_from(conn, after))?;
        if let Some((cluster, timeline)) = reading.cursor.cluster_and_timeline()
            && !self.servers.advance_timeline(cluster, timeline)
        {
            return Err(StoreError::Unavailable("another server has taken over from this one".into()));
        }
        // Checked last: if newer connections go to another server by now, this reading does not have the changes that
        // they see there.
        if self.conn.is_outdated() {
            return Err(StoreError::Unavailable(
                "newer connections go to another server; reading there from now on".into(),
            ));
        }
        Ok((reading, next))
    }
}
