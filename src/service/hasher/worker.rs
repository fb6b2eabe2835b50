//! Two threads for each hash under way: one of low priority that computes, one of ordinary priority that serves it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Checked, Job, queue::Queue};
use crate::domain::password::{self, HashPolicy, Password, PasswordHash, Verdict, Workspace};
use crate::service::threads::unharmed;

/// The nice value of hashing threads: the least there is, for at 10 introspection still waited for them by milliseconds.
const NICE: i32 = 19;

/// How long a thread keeps its memory for the next hash.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// Between the queue and one hashing thread, at ordinary priority.
pub struct Porter {
    pub queue: Arc<Queue>,
    pub work: SyncSender<Job>,
    pub answers: Receiver<Option<Done>>,
}

impl Porter {
    /// Until the queue is closed.
    pub fn run(&self) {
        while let Some(job) = self.queue.pop() {
            let answer = self.work.send(job).map(|()| self.answers.recv());
            match answer {
                Ok(Ok(Some(done))) => done.tell(),
                // It panicked, and has said so. Whoever waits is told to come again.
                Ok(Ok(None)) => {}
                _ => return log::error!("a hashing thread has ended"),
            }
        }
    }
}

/// A job that was done. What it was done with comes along: memory, too, is given back at ordinary priority.
pub enum Done {
    Verified { checked: Checked, reply: oneshot::Sender<Checked>, _with: (Option<PasswordHash>, Password) },
    Hashed { hash: PasswordHash, reply: oneshot::Sender<PasswordHash>, _with: Password },
}

impl Done {
    fn tell(self) {
        // Nobody listening any more is no fault of the work.
        match self {
            Self::Verified { checked, reply, .. } => drop(reply.send(checked)),
            Self::Hashed { hash, reply, .. } => drop(reply.send(hash)),
        }
    }
}

/// A hashing thread.
pub struct Worker {
    pub jobs: Receiver<Job>,
    pub done: SyncSender<Option<Done>>,
    pub dummy: PasswordHash,
    pub policy: HashPolicy,
    pub workspace: Workspace,
}

impl Worker {
    /// Until its porter is gone.
    pub fn run(&mut self) {
        // On Linux this is the calling thread's own priority.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            log::debug!("a hashing thread keeps its priority: {error}");
        }
        while let Some(job) = self.next() {
            let done = unharmed(|| self.work(job));
            if done.is_none() {
                self.workspace = Workspace::default();
            }
            self.workspace.shrink_to(self.policy.cost);
            if self.done.send(done).is_err() {
                return;
            }
        }
    }

    /// The next job; `None` when there will be none. Memory is given back when it is long in coming.
    fn next(&mut self) -> Option<Job> {
        match self.jobs.recv_timeout(LONGEST_IDLE) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.workspace = Workspace::default();
                self.jobs.recv().ok()
            }
        }
    }

    fn work(&mut self, job: Job) -> Done {
        match job {
            Job::Verify { stored, password, reply } => {
                let checked = self.verify(stored.as_ref(), &password);
                Done::Verified { checked, reply, _with: (stored, password) }
            }
            Job::Hash { password, reply } => {
                let hash = password::hash(&password, self.policy.cost, &mut self.workspace);
                Done::Hashed { hash, reply, _with: password }
            }
        }
    }

    fn verify(&mut self, stored: Option<&PasswordHash>, password: &Password) -> Checked {
        let verdict = stored.map_or(Verdict::RefusedAtOnce(None), |stored| {
            password::verify(stored, password, self.policy, &mut self.workspace)
        });
        match verdict {
            Verdict::Good => Checked::Good(None),
            Verdict::GoodButOutdated => {
                Checked::Good(Some(password::hash(password, self.policy.cost, &mut self.workspace)))
            }
            Verdict::Wrong => Checked::Wrong,
            Verdict::RefusedAtOnce(fault) => {
                // Only for the time it takes; the dummy matches nothing.
                let _ = password::verify(&self.dummy, password, self.policy, &mut self.workspace);
                fault.map_or(Checked::Wrong, Checked::Unreadable)
            }
        }
    }
}
