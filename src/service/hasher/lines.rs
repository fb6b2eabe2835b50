//! The jobs that wait for the hashing threads: bounded, and shared fairly between the networks that they come from.
//!
//! Each network has a line of its own, and the lines are served in turns. A network may have half of the queue. When
//! the queue is full, a job from a network with few waiting jobs evicts the newest job of the network with the most.

use std::collections::{HashMap, VecDeque};

use super::{Error, Job, MAX_WAIT};
use crate::domain::network::Network;
use crate::domain::time::Stopwatch;
use crate::service::queue::{Next, Wake};

#[expect(clippy::struct_field_names, reason = "each network has a line")]
pub struct Lines {
    /// The jobs of each network; no line is empty.
    lines: HashMap<Network, VecDeque<(Stopwatch, Job)>>,
    /// The networks that have a line, in the order in which they are served.
    turns: VecDeque<Network>,
    jobs: usize,
    capacity: usize,
}

impl Lines {
    /// A queue for this many jobs.
    pub fn new(capacity: usize) -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), jobs: 0, capacity }
    }

    /// Appends a job to its network's line. Returns the job that it evicts, if any, which must be dropped after the
    /// lock is released; that informs its caller. `idle`: threads that are about to take a job.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub fn push(&mut self, from: Network, job: Job, idle: usize) -> Result<Option<Job>, Error> {
        // Jobs that idle threads are about to take do not wait.
        let (most, share) = (self.capacity + idle, self.capacity.div_ceil(2) + idle);
        let own = self.lines.get(&from).map_or(0, VecDeque::len);
        if own >= share {
            return Err(Error::Busy);
        }
        let mut evicted = None;
        if self.jobs >= most {
            // A network with only one job more keeps it: otherwise the two would evict each other's jobs in turns.
            let longest = self.longest().filter(|(_, length)| *length > own + 1).ok_or(Error::Busy)?;
            evicted = self.evict(longest.0);
        }
        self.put(from, job);
        Ok(evicted)
    }

    /// The next job whose caller still waits.
    pub fn pop(&mut self) -> Next<Job> {
        while let Some((waiting, job)) = self.next() {
            if waiting.elapsed() < MAX_WAIT && !job.is_abandoned() {
                return Next::Take(job, Wake::None);
            }
        }
        Next::Wait
    }

    fn put(&mut self, from: Network, job: Job) {
        let line = self.lines.entry(from).or_default();
        if line.is_empty() {
            self.turns.push_back(from);
        }
        line.push_back((Stopwatch::start(), job));
        self.jobs += 1;
    }

    /// The oldest job of the network whose turn it is.
    fn next(&mut self) -> Option<(Stopwatch, Job)> {
        let network = self.turns.pop_front()?;
        let line = self.lines.get_mut(&network)?;
        let job = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&network);
        } else {
            self.turns.push_back(network);
        }
        self.jobs -= usize::from(job.is_some());
        job
    }

    fn longest(&self) -> Option<(Network, usize)> {
        self.lines.iter().map(|(network, line)| (*network, line.len())).max_by_key(|(_, length)| *length)
    }

    /// Removes the newest job of a network that has more than one.
    fn evict(&mut self, network: Network) -> Option<Job> {
        let (_, job) = self.lines.get_mut(&network)?.pop_back()?;
        self.jobs -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::domain::password::{Password, PasswordHash};

    type Answer = oneshot::Receiver<PasswordHash>;

    fn network(number: u8) -> Network {
        Network::of(Some([192, 0, 2, number].into()))
    }

    fn push(lines: &mut Lines, from: u8, name: &str) -> Result<Answer, Error> {
        let (reply, answer) = oneshot::channel();
        lines.push(network(from), Job::Hash { password: Password::new(name.into()), reply }, 0).map(|_| answer)
    }

    fn pop(lines: &mut Lines) -> Option<String> {
        match lines.pop() {
            Next::Take(Job::Hash { password, .. }, _) => Some(password.expose().to_owned()),
            _ => None,
        }
    }

    #[test]
    fn abandoned_jobs_are_skipped_and_the_queue_is_bounded() {
        let mut lines = Lines::new(2);
        let gone = push(&mut lines, 1, "gone").unwrap();
        let _waits = push(&mut lines, 2, "waits").unwrap();
        drop(gone);
        assert!(matches!(push(&mut lines, 3, "late"), Err(Error::Busy)));
        assert_eq!(pop(&mut lines).as_deref(), Some("waits"));
        assert_eq!(pop(&mut lines), None);
    }

    #[test]
    fn a_network_has_half_of_the_queue_and_networks_are_served_in_turns() {
        let mut lines = Lines::new(8);
        let mut answers = Vec::new();
        for name in ["a1", "a2", "a3", "a4"] {
            answers.push(push(&mut lines, 1, name).unwrap());
        }
        assert!(matches!(push(&mut lines, 1, "a5"), Err(Error::Busy)));
        for (from, name) in [(2, "b1"), (2, "b2"), (3, "c1")] {
            answers.push(push(&mut lines, from, name).unwrap());
        }
        let order: Vec<String> = std::iter::from_fn(|| pop(&mut lines)).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
        assert!(lines.lines.is_empty() && lines.turns.is_empty());
    }

    #[test]
    fn in_a_full_queue_the_network_with_the_most_gives_way_to_one_with_fewer() {
        let mut lines = Lines::new(4);
        let mut waiting: Vec<(&str, Answer)> = Vec::new();
        for (from, name) in [(1, "a1"), (1, "a2"), (2, "b1"), (2, "b2")] {
            waiting.push((name, push(&mut lines, from, name).unwrap()));
        }
        waiting.push(("c1", push(&mut lines, 3, "c1").unwrap()));
        waiting.push(("d1", push(&mut lines, 4, "d1").unwrap()));
        assert!(matches!(push(&mut lines, 5, "e1"), Err(Error::Busy)), "all have one");
        assert!(matches!(push(&mut lines, 4, "d2"), Err(Error::Busy)), "a difference of one evicts nothing");
        let evicted: Vec<&str> = waiting
            .iter_mut()
            .filter_map(|(name, answer)| answer.try_recv().err().map(|error| (*name, error)))
            .filter(|(_, error)| *error == oneshot::error::TryRecvError::Closed)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(evicted, ["a2", "b2"], "the newest of each");
        let mut order: Vec<String> = std::iter::from_fn(|| pop(&mut lines)).collect();
        order.sort();
        assert_eq!(order, ["a1", "b1", "c1", "d1"]);
    }

    #[test]
    fn a_queue_of_one_is_for_everybody() {
        let mut lines = Lines::new(1);
        let _first = push(&mut lines, 1, "a1").unwrap();
        assert!(matches!(push(&mut lines, 2, "b1"), Err(Error::Busy)));
        assert_eq!(pop(&mut lines).as_deref(), Some("a1"));
        let _second = push(&mut lines, 2, "b1").unwrap();
    }
}
