//! Two threads for each hash under way: one of low priority that computes, one of ordinary priority that serves it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use tokio::sync::oneshot;

use super::lines::Lines;
use super::{Check, Checked, Job};
use crate::domain::password::{self, HashPolicy, Password, PasswordHash, Verdict, Workspace};
use crate::service::queue::Queue;
use crate::service::threads::unharmed;

/// The nice value of hashing threads: the least there is, for at 10 introspection still waited for them by milliseconds.
const NICE: i32 = 19;

/// Between the queue and one hashing thread, at ordinary priority.
pub struct Porter {
    pub queue: Arc<Queue<Lines>>,
    pub work: SyncSender<Job>,
    pub answers: Receiver<Option<Done>>,
}

impl Porter {
    /// Until the queue is closed.
    pub fn run(&self) {
        while let Some(job) = self.queue.take(Lines::pop) {
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
    Verified { checked: Checked, reply: oneshot::Sender<Checked>, _with: Check },
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
        // Its memory is kept for the next hash: the allocator makes no use of such blocks once they are given back.
        while let Ok(job) = self.jobs.recv() {
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

    fn work(&mut self, job: Job) -> Done {
        match job {
            Job::Verify { check, reply } => {
                let checked = self.verify(&check);
                Done::Verified { checked, reply, _with: check }
            }
            Job::Hash { password, reply } => {
                let hash = password::hash(&password, self.policy.cost, &mut self.workspace);
                Done::Hashed { hash, reply, _with: password }
            }
        }
    }

    fn verify(&mut self, Check { stored, dummy, password, replaces }: &Check) -> Checked {
        let verdict = stored.as_ref().map_or(Verdict::RefusedAtOnce(None), |stored| {
            password::verify(stored, password, self.policy, &mut self.workspace)
        });
        match verdict {
            Verdict::GoodButOutdated if *replaces => {
                Checked::Good(Some(password::hash(password, self.policy.cost, &mut self.workspace)))
            }
            Verdict::Good | Verdict::GoodButOutdated => Checked::Good(None),
            Verdict::Wrong => Checked::Wrong,
            Verdict::RefusedAtOnce(fault) => {
                // Only for the time it takes; the dummy matches nothing.
                let _ = password::verify(dummy, password, self.policy, &mut self.workspace);
                fault.map_or(Checked::Wrong, Checked::Unreadable)
            }
        }
    }
}
