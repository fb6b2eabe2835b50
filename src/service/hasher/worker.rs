//! Two threads for each hash computation: one of low priority that computes, and a dispatcher of normal priority that
//! serves it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use tokio::sync::oneshot;

use super::lines::Lines;
use super::{Check, Checked, Job};
use crate::domain::password::{self, HashPolicy, Password, PasswordHash, Verdict, Workspace};
use crate::service::queue::Queue;
use crate::service::threads::catch_panic;

/// The nice value of hashing threads, the lowest priority: at 10, introspection still waited for milliseconds.
const NICE: i32 = 19;

/// Takes jobs from the queue for one hashing thread, and sends the results; at normal priority.
pub struct Dispatcher {
    pub queue: Arc<Queue<Lines>>,
    pub work: SyncSender<Job>,
    pub answers: Receiver<Option<Done>>,
}

impl Dispatcher {
    /// Runs until the queue is closed.
    pub fn run(&self) {
        while let Some(job) = self.queue.take(Lines::pop) {
            let answer = self.work.send(job).map(|()| self.answers.recv());
            match answer {
                Ok(Ok(Some(done))) => done.send_reply(),
                // The job panicked, which is logged. Its caller is refused as busy.
                Ok(Ok(None)) => {}
                _ => return log::error!("a hashing thread has ended"),
            }
        }
    }
}

/// A finished job. It carries its input along, so that memory, too, is freed at normal priority.
pub enum Done {
    Verified { checked: Checked, reply: oneshot::Sender<Checked>, _with: Check },
    Hashed { hash: PasswordHash, reply: oneshot::Sender<PasswordHash>, _with: Password },
}

impl Done {
    fn send_reply(self) {
        // An error means that the caller no longer waits.
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
    /// Runs until its dispatcher has ended.
    pub fn run(&mut self) {
        // On Linux this is the calling thread's own priority.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            log::debug!("cannot lower the priority of a hashing thread: {error}");
        }
        // The workspace is reused for the next hash, because the allocator makes poor use of such large blocks once
        // they are freed.
        while let Ok(job) = self.jobs.recv() {
            let done = catch_panic(|| self.work(job));
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
                // Only to take as much time. The dummy hash matches no password.
                let _ = password::verify(dummy, password, self.policy, &mut self.workspace);
                fault.map_or(Checked::Wrong, Checked::CannotCheck)
            }
        }
    }
}
