//! Password hashing on a thread pool of its own: a few threads of low priority, so that introspection gets the CPU, and
//! a bounded queue, so that a flood of logins is refused instead of piling up. No network can keep the others out of
//! the queue.
//!
//! A thread of the lowest priority may be suspended for long while it holds a lock. So hashing threads share no lock
//! with the threads that answer requests: each has a dispatcher, a thread of normal priority that takes its work from
//! the queue and sends the results. Without dispatchers, introspection waited for hundreds of milliseconds.

mod lines;
mod worker;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::network::Network;
use crate::domain::password::{HashFault, HashPolicy, Password, PasswordHash, Workspace};
use crate::service::Error;
use crate::service::queue::{CloseOnDrop, Queue, Wake};
use lines::Lines;
use worker::{Dispatcher, Worker};

/// A login that has waited this long is refused: its client has most likely given up.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The settings of the pool.
#[derive(Clone, Copy, Debug)]
pub struct HasherOptions {
    /// `JETON_LOGIN_THREADS`.
    pub threads: usize,
    /// `JETON_LOGIN_QUEUE`: how many may wait.
    pub queue: usize,
    /// The cost of new hashes, and which stored hashes are accepted.
    pub policy: HashPolicy,
}

/// A password to be checked.
pub struct Check {
    /// The user's stored hash, if there is one.
    pub stored: Option<PasswordHash>,
    /// Checked instead if there is no `stored` hash, or if that one is refused without work, so that the time does not
    /// reveal whether the user exists.
    pub dummy: PasswordHash,
    /// As it was sent.
    pub password: Password,
    /// Whether to replace an outdated hash if the password is right.
    pub replaces: bool,
}

/// What a password check found.
#[derive(Clone, Debug)]
pub enum Checked {
    /// The password is right. The new hash, if the stored one must be replaced.
    Good(Option<PasswordHash>),
    /// The password is wrong.
    Wrong,
    /// No password can be checked against the stored hash, and why.
    CannotCheck(HashFault),
}

/// A handle to the pool; its threads end when the last handle is dropped.
#[derive(Clone)]
pub struct Hasher {
    queue: Arc<Queue<Lines>>,
    dummy: PasswordHash,
    max_memory_kib: u32,
    _close: Arc<CloseOnDrop<Lines>>,
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(options: HasherOptions) -> std::io::Result<Self> {
        Self::with_dummy(options, PasswordHash::dummy(options.policy.cost))
    }

    fn with_dummy(options: HasherOptions, dummy: PasswordHash) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(Lines::new(options.queue)));
        let (max_memory_kib, close) = (options.policy.max_memory_kib, Arc::new(CloseOnDrop(Arc::clone(&queue))));
        let hasher = Self { queue: Arc::clone(&queue), dummy, max_memory_kib, _close: close };
        for number in 0..options.threads {
            // Bounded channels, so that a hashing thread never allocates: the allocator has locks, too.
            let ((work, jobs), (done, answers)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
            let mut worker = Worker { jobs, done, policy: options.policy, workspace: Workspace::default() };
            std::thread::Builder::new().name(format!("hasher-{number}")).spawn(move || worker.run())?;
            let dispatcher = Dispatcher { queue: Arc::clone(&queue), work, answers };
            std::thread::Builder::new().name(format!("dispatcher-{number}")).spawn(move || dispatcher.run())?;
        }
        Ok(hasher)
    }

    /// The dummy hash of the configured cost.
    pub const fn dummy(&self) -> &PasswordHash {
        &self.dummy
    }

    /// The most memory that checking one password may take, in KiB.
    pub const fn max_memory_kib(&self) -> u32 {
        self.max_memory_kib
    }

    /// Checks a password, for a client at the address `from`.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, check: Check, from: Option<IpAddr>) -> Result<Checked, Error> {
        let (reply, answer) = oneshot::channel();
        self.push(Job::Verify { check, reply }, from)?;
        answer.await.map_err(|_| Error::Busy)
    }

    /// Hashes a new password with the configured cost, for a client at the address `from`.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, password: Password, from: Option<IpAddr>) -> Result<PasswordHash, Error> {
        let (reply, answer) = oneshot::channel();
        self.push(Job::Hash { password, reply }, from)?;
        answer.await.map_err(|_| Error::Busy)
    }

    fn push(&self, job: Job, from: Option<IpAddr>) -> Result<(), Error> {
        let pushed = self.queue.change(|lines, waiting| {
            let pushed = lines.push(Network::of(from), job, waiting.idle);
            let wake = if pushed.is_ok() { Wake::One } else { Wake::None };
            (pushed, wake)
        });
        pushed.map(drop)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

enum Job {
    Verify { check: Check, reply: oneshot::Sender<Checked> },
    Hash { password: Password, reply: oneshot::Sender<PasswordHash> },
}

impl Job {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Verify { reply, .. } => reply.is_closed(),
            Self::Hash { reply, .. } => reply.is_closed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::password::Argon2Cost;

    /// An invalid cost, with which [`password::hash`] panics.
    const UNCHECKED: Argon2Cost = Argon2Cost { memory_kib: 0, iterations: 0, parallelism: 0 };

    #[test]
    fn a_panic_costs_one_login_and_not_the_thread() {
        let cheap = Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
        let options = HasherOptions {
            threads: 1,
            queue: 1,
            policy: HashPolicy { cost: UNCHECKED, legacy: false, max_memory_kib: 64 },
        };
        let hasher = Hasher::with_dummy(options, PasswordHash::dummy(cheap)).unwrap();
        let password = || Password::new("correct horse".into());
        let nobody = || Check { stored: None, dummy: hasher.dummy().clone(), password: password(), replaces: true };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                assert!(matches!(hasher.hash(password(), None).await, Err(Error::Busy)));
                let after = tokio::time::timeout(MAX_WAIT, hasher.verify(nobody(), None)).await;
                assert!(matches!(after, Ok(Ok(Checked::Wrong))), "{after:?}");
            }
        });
    }
}
