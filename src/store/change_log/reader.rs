//! Reads the change log again and again, on a connection of its own, each time within a deadline.
//!
//! The connection belongs to a thread. A server that is frozen while it is asked costs this thread and its connection,
//! and not whoever waits for the answer: they go on with a new one, perhaps at another server.

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

/// How long opening the connections may take: each host has two seconds, and then the server is asked who it is.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often listening for hints is tried again.
const LISTEN_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the change log.
pub struct ChangeReader {
    asks: Sender<Ask>,
    answers: Receiver<Result<Answer, StoreError>>,
    deadline: Duration,
    hints: Arc<Hints>,
    listener: Option<HintListener>,
    tried_to_listen: Stopwatch,
}

/// A question to the thread.
struct Ask {
    /// Whether it sends a hint first.
    sends_hint: bool,
    /// Whether it opens a listener, too.
    listens: bool,
}

struct Answer {
    reading: Reading,
    listener: Option<HintListener>,
}

impl Store {
    /// Opens a reader. Its first reading tells nothing of what was before.
    ///
    /// # Errors
    /// [`StoreError`]. The thread cannot be started, or the database cannot be reached.
    pub fn change_reader(&self, deadline: Duration) -> Result<ChangeReader, StoreError> {
        self.check()?;
        let (asks, asked) = channel();
        let (answer, answers) = channel();
        let (open, opened) = channel();
        let store = self.clone();
        let thread = std::thread::Builder::new().name("change-log".into());
        let spawned = thread.spawn(move || match Source::open(&store) {
            Ok(mut source) => {
                // The other end may be gone, here and below: then nobody waits for the answer.
                let _ = open.send(Ok(source.listener()));
                source.answer(&asked, &answer);
            }
            Err(error) => {
                store.start_probe();
                let _ = open.send(Err(error));
            }
        });
        spawned.map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        let listener = within(&opened, OPEN_TIMEOUT)?;
        let hints = Arc::clone(&self.hints);
        let reader = ChangeReader { asks, answers, deadline, hints, listener, tried_to_listen: Stopwatch::start() };
        self.hints.collect();
        Ok(reader)
    }
}

impl ChangeReader {
    /// Reads what was not read yet. Whoever noted the time before this call knows, after it, all that was committed
    /// before that time.
    ///
    /// # Errors
    /// [`StoreError`]. The reader is of no use afterwards.
    pub fn read(&mut self) -> Result<Reading, StoreError> {
        let listens = self.listener.is_none() && self.tried_to_listen.elapsed() > LISTEN_INTERVAL;
        if listens {
            self.tried_to_listen = Stopwatch::start();
        }
        let ask = Ask { sends_hint: self.hints.take(), listens };
        self.asks.send(ask).map_err(|_| StoreError::Unavailable("the reader of the change log has ended".into()))?;
        let answer = within(&self.answers, self.deadline)?;
        if answer.listener.is_some() {
            self.listener = answer.listener;
        }
        Ok(answer.reading)
    }

    /// Whether there is something to read that can be read at once: a hint, or a change by this process. Does not wait.
    pub fn is_hinted(&mut self) -> bool {
        let by_others = self.listener.as_mut().is_some_and(|listener| match listener.take() {
            Ok(is_hinted) => is_hinted,
            Err(error) => {
                log::debug!("no hints for now: {error}");
                true
            }
        });
        // A listener that has failed gives an error again and again; it is opened anew at a reading.
        if by_others && self.listener.as_mut().is_some_and(|listener| listener.take().is_err()) {
            self.listener = None;
        }
        self.hints.has_changed() || by_others
    }
}

/// An answer of the thread.
fn within<T>(answers: &Receiver<Result<T, StoreError>>, deadline: Duration) -> Result<T, StoreError> {
    answers.recv_timeout(deadline).map_err(|error| match error {
        RecvTimeoutError::Timeout => {
            StoreError::Unavailable(format!("the change log could not be read within {deadline:?}"))
        }
        RecvTimeoutError::Disconnected => StoreError::Failed("the reader of the change log has ended".into()),
    })?
}

/// What the thread reads from.
struct Source {
    store: Store,
    cursor: Option<Cursor>,
    opened: Option<Opened>,
}

/// PostgreSQL's connection. SQLite's files are read by the pool's: they do not freeze.
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

    /// Answers until nobody asks any more, or a reading fails.
    fn answer(&mut self, asked: &Receiver<Ask>, answers: &Sender<Result<Answer, StoreError>>) {
        while let Ok(ask) = asked.recv() {
            let answer = self.read(&ask);
            let has_failed = answer.is_err();
            if answers.send(answer).is_err() || has_failed {
                return;
            }
        }
    }

    /// The first reading has no cursor, so it tells nothing of what was before: changes may have been missed since the
    /// reader before this one.
    fn read(&mut self, ask: &Ask) -> Result<Answer, StoreError> {
        let after = self.cursor.as_ref();
        let reading = match &mut self.opened {
            None => self.store.changes(after)?,
            Some(opened) => opened.read(&self.store, after, ask)?,
        };
        let listener = if ask.listens { self.listener() } else { None };
        self.cursor = Some(reading.cursor.clone());
        Ok(Answer { reading, listener })
    }

    /// A listener, if there can be one.
    fn listener(&mut self) -> Option<HintListener> {
        let listener = self.opened.as_mut()?.listen(&self.store);
        listener.unwrap_or_else(|error| {
            log::debug!("no hints for now: {error}");
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

    fn read(&mut self, store: &Store, after: Option<&Cursor>, ask: &Ask) -> Result<Reading, StoreError> {
        if store.compare_url(&self.url)? != UrlChange::Same {
            return Err(StoreError::Unavailable("DATABASE_URL has another value".into()));
        }
        if ask.sends_hint
            && let Err(error) = self.conn.run(send)
        {
            log::debug!("cannot send a hint: {error}");
        }
        let reading = self.conn.run_anywhere(|conn| read(conn, after))?;
        if let Some(timeline) = reading.cursor.timeline() {
            self.servers.set_timeline(timeline);
        }
        // Checked last: if newer connections go to another server by now, this reading says nothing about what they
        // read there.
        if self.conn.is_outdated() {
            return Err(StoreError::Unavailable(
                "newer connections go to another server; reading there from now on".into(),
            ));
        }
        Ok(reading)
    }

    /// A listener; `None` behind a pooler, which gives the session to others meanwhile.
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
