//! Listens for hints on a connection of its own. A server, or a pooler before it, may never answer `LISTEN`. So a thread
//! opens the connection, and no reading of the change log waits for it.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use r2d2::ManageConnection;

use crate::domain::time::Stopwatch;
use crate::store::connection::{Conn, Role};
use crate::store::hints::HintListener;
use crate::store::{Store, StoreError};

/// The pause between two attempts to listen.
const INTERVAL: Duration = Duration::from_secs(5);

/// After this time it is logged that the server does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The listener, or the attempt to open one.
pub struct Listening {
    store: Store,
    /// The session whose hints are this process's own.
    own: i32,
    state: State,
    tried: Stopwatch,
    has_complained: bool,
}

enum State {
    Waiting,
    Opening(Receiver<Result<Option<HintListener>, StoreError>>),
    Open(HintListener),
}

impl Listening {
    /// Begins to listen. `own`: the session that sends this process's hints.
    pub fn start(store: &Store, own: i32) -> Self {
        let mut listening =
            Self { store: store.clone(), own, state: State::Waiting, tried: Stopwatch::start(), has_complained: false };
        listening.open();
        listening
    }

    fn open(&mut self) {
        let (sender, opened) = channel();
        let (store, own) = (self.store.clone(), self.own);
        // Perhaps nobody waits for the result any more.
        let run = move || drop(sender.send(open(&store, own)));
        self.tried = Stopwatch::start();
        match std::thread::Builder::new().name("hints".into()).spawn(run) {
            Ok(_) => self.state = State::Opening(opened),
            Err(error) => log::debug!("cannot start a thread that listens for hints: {error}"),
        }
    }

    /// Whether another process has sent a hint. Does not wait.
    pub fn take(&mut self) -> bool {
        match &mut self.state {
            State::Waiting => {
                if self.tried.elapsed() > INTERVAL {
                    self.open();
                }
                false
            }
            State::Opening(opened) => {
                match opened.try_recv() {
                    // An attempt that hangs is not repeated: it would hang, too, and each keeps a connection.
                    Err(TryRecvError::Empty) => self.complain(),
                    Ok(Ok(Some(listener))) => self.state = State::Open(listener),
                    Ok(Ok(None)) | Err(TryRecvError::Disconnected) => self.state = State::Waiting,
                    Ok(Err(error)) => self.fail(&error),
                }
                false
            }
            State::Open(listener) => match listener.take() {
                Ok(is_hinted) => is_hinted,
                Err(error) => {
                    self.fail(&error);
                    true
                }
            },
        }
    }

    fn fail(&mut self, error: &StoreError) {
        log::debug!("cannot listen for hints: {error}");
        self.state = State::Waiting;
    }

    fn complain(&mut self) {
        if !self.has_complained && self.tried.elapsed() > PATIENCE {
            self.has_complained = true;
            log::warn!("PostgreSQL, or a proxy before it, does not answer LISTEN; changes are read a little later");
        }
    }
}

/// Opens a listener. `None` behind a pooler, which gives the session to other clients between transactions.
fn open(store: &Store, own: i32) -> Result<Option<HintListener>, StoreError> {
    if store.pools.current().servers.shares_sessions() {
        return Ok(None);
    }
    let opened = store.manager(Role::Write).connect();
    match opened.map_err(|error| StoreError::Unavailable(error.to_string()))?.into_parts() {
        (Conn::Pg(pg), Some(_)) => HintListener::start(pg, own).map(Some),
        _ => Ok(None),
    }
}
