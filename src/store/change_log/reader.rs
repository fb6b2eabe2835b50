//! Reads the change log repeatedly, on a connection of its own, each time within a deadline.
//!
//! A thread owns the connection. If the server freezes during a query, only this thread hangs. The caller gets an error
//! at the deadline, and opens a new reader, perhaps on another server.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use r2d2::ManageConnection;

use super::{Cursor, Reading, read};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;
use crate::store::connection::{Conn, Role};
use crate::store::hints::{HintListener, Hints, send};
use crate::store::pool_connection::PoolConnection;
use crate::store::pooler::session_of;
use crate::store::servers::Servers;
use crate::store::{Store, StoreError, UrlChange};

/// How long opening the connections may take. Each host has two seconds, and then the server's identity is queried.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two attempts to listen for hints.
const LISTEN_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the change log.
pub struct ChangeReader {
    requests: Sender<Request>,
    answers: Receiver<Result<Answer, StoreError>>,
    deadline: Duration,
    hints: Arc<Hints>,
    listener: Option<HintListener>,
    tried_to_listen: Stopwatch,
}

/// A request to the thread.
struct Request {
    /// Whether the thread sends a hint afterwards.
    sends_hint: bool,
    /// Whether the thread opens a listener, too.
    listens: bool,
}

struct Answer {
    reading: Reading,
    listener: Option<HintListener>,
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
        let spawned = thread.spawn(move || match Source::open(&store) {
            Ok(mut source) => {
                // Sending fails, here and below, when the receiver is dropped. Then nobody waits for the answer.
                let _ = open.send(Ok(source.listener()));
                source.serve(&received, &answer);
            }
            Err(error) => {
                store.start_probe();
                let _ = open.send(Err(error));
            }
        });
        spawned.map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        let listener = receive(&opened, OPEN_TIMEOUT)?;
        let hints = Arc::clone(&self.hints);
        let reader = ChangeReader { requests, answers, deadline, hints, listener, tried_to_listen: Stopwatch::start() };
        self.hints.collect();
        Ok(reader)
    }
}

impl ChangeReader {
    /// Reads the changes since the reading before. Every change that was committed before this call is in this reading
    /// or in an earlier one, if none of them was `Since::Unknown`.
    ///
    /// # Errors
    /// [`StoreError`]. The reader must not be used after an error.
    pub fn read(&mut self) -> Result<Reading, StoreError> {
        let listens = self.listener.is_none() && self.tried_to_listen.elapsed() > LISTEN_INTERVAL;
        if listens {
            self.tried_to_listen = Stopwatch::start();
        }
        let request = Request { sends_hint: self.hints.take(), listens };
        self.requests
            .send(request)
            .map_err(|_| StoreError::Unavailable("the reader of the change log has ended".into()))?;
        let answer = receive(&self.answers, self.deadline)?;
        if answer.listener.is_some() {
            self.listener = answer.listener;
        }
        Ok(answer.reading)
    }

    /// Whether to read at once: another process has sent a hint, or this process has changed something. Does not wait.
    pub fn is_hinted(&mut self) -> bool {
        let by_others = match self.listener.as_mut().map(HintListener::take) {
            None => false,
            Some(Ok(is_hinted)) => is_hinted,
            Some(Err(error)) => {
                log::debug!("cannot listen for hints: {error}");
                // A later reading opens a new one.
                self.listener = None;
                true
            }
        };
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
struct Source {
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

impl Source {
    fn open(store: &Store) -> Result<Self, StoreError> {
        let opened = match store.url() {
            DatabaseUrl::Sqlite(_) => None,
            DatabaseUrl::Postgres(_) => Some(Opened::open(store)?),
        };
        Ok(Self { store: store.clone(), cursor: None, opened })
    }

    /// Serves requests until the reader is dropped, or a reading fails.
    fn serve(&mut self, requests: &Receiver<Request>, answers: &Sender<Result<Answer, StoreError>>) {
        while let Ok(request) = requests.recv() {
            let answer = self.read(&request);
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
    fn read(&mut self, request: &Request) -> Result<Answer, StoreError> {
        let after = self.cursor.as_ref();
        let reading = match &mut self.opened {
            None => self.store.changes(after)?,
            Some(opened) => opened.read(&self.store, after)?,
        };
        let listener = if request.listens { self.listener() } else { None };
        self.cursor = Some(reading.cursor.clone());
        Ok(Answer { reading, listener })
    }

    fn send_hint(&mut self) {
        let Some(opened) = &mut self.opened else { return };
        if let Err(error) = opened.conn.in_transaction(send) {
            log::debug!("cannot send a hint: {error}");
        }
    }

    /// Opens a listener, if that is possible.
    fn listener(&mut self) -> Option<HintListener> {
        let listener = self.opened.as_mut()?.listen(&self.store);
        listener.unwrap_or_else(|error| {
            log::debug!("cannot listen for hints: {error}");
            None
        })
    }
}

impl Opened {
    fn open(store: &Store) -> Result<Self, StoreError> {
        let pools = store.pools.current();
        let opened = pools.manager(Role::Write).connect();
        let conn = opened.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { conn, url: pools.url.clone(), servers: Arc::clone(&pools.servers) })
    }

    fn read(&mut self, store: &Store, after: Option<&Cursor>) -> Result<Reading, StoreError> {
        if store.compare_url(&self.url)? != UrlChange::Same {
            return Err(StoreError::Unavailable("DATABASE_URL has another value".into()));
        }
        let reading = self.conn.run_anywhere(|conn| read(conn, after))?;
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
        Ok(reading)
    }

    /// Opens a listener. `None` behind a pooler, which gives the session to other clients between transactions.
    fn listen(&mut self, store: &Store) -> Result<Option<HintListener>, StoreError> {
        if self.servers.shares_sessions() {
            return Ok(None);
        }
        let own = self.conn.run(|conn| match conn {
            Conn::Pg(pg) => session_of(pg),
            Conn::Sqlite(_) => Err(StoreError::Failed("a PostgreSQL URL opened SQLite".into())),
        })?;
        let opened = store.manager(Role::Write).connect();
        match opened.map_err(|error| StoreError::Unavailable(error.to_string()))?.into_parts() {
            (Conn::Pg(pg), Some(_)) => HintListener::start(pg, own).map(Some),
            _ => Ok(None),
        }
    }
}
