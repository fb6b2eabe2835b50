//! What waits for the hashing threads: bounded, and shared fairly between the networks that it comes from.
//!
//! Each network has a line of its own, and the lines are served in turns. A network may have half of the queue. When the
//! queue is full, whoever comes from a network with fewer waiting jobs takes the place of the newest job of the one with
//! the most.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Error, Job, LONGEST_WAIT};
use crate::domain::network::Network;
use crate::domain::time::Stopwatch;

pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: usize,
}

#[derive(Default)]
struct State {
    /// None is empty.
    lines: HashMap<Network, VecDeque<(Stopwatch, Job)>>,
    /// The networks that have a line, in the order in which they are served.
    turns: VecDeque<Network>,
    jobs: usize,
    idle: usize,
    closed: bool,
}

impl Queue {
    pub fn new(room: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), room }
    }

    // A thread that panics holds no lock: no state behind it can be half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job at the end of its network's line.
    ///
    /// # Errors
    /// [`Error::Busy`] when there is no room for it.
    pub fn push(&self, from: Network, job: Job) -> Result<(), Error> {
        let mut state = self.lock();
        // Jobs that idle threads are about to take do not wait.
        let (most, share) = (self.room + state.idle, self.room.div_ceil(2) + state.idle);
        let own = state.lines.get(&from).map_or(0, VecDeque::len);
        if own >= share {
            return Err(Error::Busy);
        }
        // Whoever is put out hears so when it is dropped, which is after the lock.
        let mut put_out = None;
        if state.jobs >= most {
            // With one more each, neither would have fewer than the other.
            let longest = state.longest().filter(|(_, length)| *length > own + 1).ok_or(Error::Busy)?;
            put_out = state.put_out(longest.0);
        }
        state.put(from, job);
        drop(state);
        drop(put_out);
        self.filled.notify_one();
        Ok(())
    }

    /// The next job that somebody still waits for; `None` when the queue is closed.
    pub fn pop(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            while let Some((waiting, job)) = state.next() {
                if waiting.elapsed() < LONGEST_WAIT && !job.is_abandoned() {
                    return Some(job);
                }
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}

impl State {
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

    /// Takes the newest job of a network that has more than one.
    fn put_out(&mut self, network: Network) -> Option<Job> {
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

    fn push(queue: &Queue, from: u8, name: &str) -> Result<Answer, Error> {
        let (reply, answer) = oneshot::channel();
        queue.push(network(from), Job::Hash { password: Password::new(name.into()), reply }).map(|()| answer)
    }

    fn pop(queue: &Queue) -> Option<String> {
        match queue.pop()? {
            Job::Hash { password, .. } => Some(password.expose().to_owned()),
            Job::Verify { .. } => None,
        }
    }

    fn closed(room: usize) -> Queue {
        let queue = Queue::new(room);
        queue.close();
        queue
    }

    #[test]
    fn who_has_given_up_is_passed_over_and_there_is_an_end_to_the_queue() {
        let queue = closed(2);
        let gone = push(&queue, 1, "gone").unwrap();
        let _waits = push(&queue, 2, "waits").unwrap();
        drop(gone);
        assert!(matches!(push(&queue, 3, "late"), Err(Error::Busy)));
        assert_eq!(pop(&queue).as_deref(), Some("waits"));
        assert_eq!(pop(&queue), None);
    }

    #[test]
    fn a_network_has_half_of_the_queue_and_networks_are_served_in_turns() {
        let queue = closed(8);
        let mut answers = Vec::new();
        for name in ["a1", "a2", "a3", "a4"] {
            answers.push(push(&queue, 1, name).unwrap());
        }
        assert!(matches!(push(&queue, 1, "a5"), Err(Error::Busy)));
        for (from, name) in [(2, "b1"), (2, "b2"), (3, "c1")] {
            answers.push(push(&queue, from, name).unwrap());
        }
        let order: Vec<String> = std::iter::from_fn(|| pop(&queue)).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
        assert!(queue.lock().lines.is_empty() && queue.lock().turns.is_empty());
    }

    #[test]
    fn in_a_full_queue_the_network_with_the_most_gives_way_to_one_with_fewer() {
        let queue = closed(4);
        let mut waiting: Vec<(&str, Answer)> = Vec::new();
        for (from, name) in [(1, "a1"), (1, "a2"), (2, "b1"), (2, "b2")] {
            waiting.push((name, push(&queue, from, name).unwrap()));
        }
        waiting.push(("c1", push(&queue, 3, "c1").unwrap()));
        waiting.push(("d1", push(&queue, 4, "d1").unwrap()));
        assert!(matches!(push(&queue, 5, "e1"), Err(Error::Busy)), "all have one");
        assert!(matches!(push(&queue, 4, "d2"), Err(Error::Busy)), "one more would be no fairer");
        let put_out: Vec<&str> = waiting
            .iter_mut()
            .filter_map(|(name, answer)| answer.try_recv().err().map(|error| (*name, error)))
            .filter(|(_, error)| *error == oneshot::error::TryRecvError::Closed)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(put_out, ["a2", "b2"], "the newest of each");
        let mut order: Vec<String> = std::iter::from_fn(|| pop(&queue)).collect();
        order.sort();
        assert_eq!(order, ["a1", "b1", "c1", "d1"]);
    }

    #[test]
    fn a_queue_of_one_is_for_everybody() {
        let queue = closed(1);
        let _first = push(&queue, 1, "a1").unwrap();
        assert!(matches!(push(&queue, 2, "b1"), Err(Error::Busy)));
        assert_eq!(pop(&queue).as_deref(), Some("a1"));
        let _second = push(&queue, 2, "b1").unwrap();
    }
}
