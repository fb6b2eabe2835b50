//! Searches the state machine for a stale answer, in random orders of changes, notifications, heartbeats, lookups,
//! insertions, disconnections and passing time. The cache is the real one. PostgreSQL, the listening connection and the
//! lookups under way are models.

use std::collections::VecDeque;

use jeton::domain::change::Change;
use jeton::domain::time::Uptime;
use jeton::service::cache::{Cache, ChangeSeq, Staleness};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::{BOUND, MS, at, cache, digest, entry};

const USERS: usize = 2;

/// An event.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Another node or a command changes a user and commits; the notification is queued.
    Commit(usize),
    /// This node changes a user: it applies the change before it answers.
    CommitHere(usize),
    /// The listener notes the time and sends its heartbeat.
    Heartbeat,
    /// The next notification arrives.
    Receive,
    /// A lookup begins: it notes the `ChangeSeq`.
    Begin(usize),
    /// The oldest lookup that has not read yet reads the database.
    Read,
    /// The oldest lookup that has read inserts its answer into the cache.
    Insert,
    /// The listener's connection breaks; what was on its way is lost.
    Disconnect,
    /// It listens again.
    Reconnect,
    /// Milliseconds pass.
    Pass(u64),
    /// Somebody asks for the user's token.
    Ask(usize),
}

/// A guard that is removed, to check that the search then finds a stale answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// A lookup takes the `ChangeSeq` of its end instead of its beginning.
    PendingLookups,
    /// The cache is not cleared after changes may have been missed.
    ClearingOnReconnect,
    /// The sync time is the moment when the heartbeat comes back.
    TimeOfSending,
    /// The last sync may be of any age.
    Bound,
    /// A node's own changes wait for their notification.
    OwnChanges,
}

enum Notification {
    Change(usize),
    Heartbeat(u64),
}

struct Lookup {
    user: usize,
    change_seq: ChangeSeq,
    read: Option<u64>,
}

/// A change of a user: the new version, and its time.
struct Committed {
    user: usize,
    version: u64,
    at: u64,
}

struct World {
    without: Without,
    cache: Cache,
    now: u64,
    versions: [u64; USERS],
    committed: Vec<Committed>,
    queue: VecDeque<Notification>,
    listens: bool,
    lookups: VecDeque<Lookup>,
    served: usize,
}

impl World {
    fn new(without: Without) -> Self {
        let cache = match without {
            Without::Bound => Cache::new(1 << 16, BOUND * 1_000, std::time::Duration::ZERO).unwrap(),
            _ => cache(1 << 16),
        };
        let (committed, queue, lookups) = (Vec::new(), VecDeque::new(), VecDeque::new());
        let mut world = Self {
            without,
            cache,
            now: 1_000 * MS,
            versions: [0; USERS],
            committed,
            queue,
            listens: false,
            lookups,
            served: 0,
        };
        world.reconnect();
        // A search that begins with a cached answer finds more faults.
        for event in [Event::Heartbeat, Event::Receive, Event::Begin(0), Event::Read, Event::Insert] {
            world.happen(event).expect("no answer is checked yet");
        }
        world
    }

    fn reconnect(&mut self) {
        if self.listens {
            return;
        }
        self.listens = true;
        self.queue.clear();
        if self.without != Without::ClearingOnReconnect {
            self.cache.apply(Change::Everything);
        }
    }

    fn commit(&mut self, user: usize) {
        self.versions[user] += 1;
        self.committed.push(Committed { user, version: self.versions[user], at: self.now });
        if self.listens {
            self.queue.push_back(Notification::Change(user));
        }
    }

    /// # Errors
    /// A stale answer.
    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Commit(user) => self.commit(user),
            Event::CommitHere(user) => {
                self.commit(user);
                if self.without != Without::OwnChanges {
                    self.cache.apply(change(user));
                }
                // The change has been answered, so this node must show it from now on, however recent the sync.
                self.committed.last_mut().expect("just committed").at = 0;
            }
            Event::Heartbeat if self.listens => self.queue.push_back(Notification::Heartbeat(self.now)),
            Event::Receive => match self.queue.pop_front() {
                Some(Notification::Change(user)) => self.cache.apply(change(user)),
                Some(Notification::Heartbeat(sent)) => {
                    let moment = if self.without == Without::TimeOfSending { self.now } else { sent };
                    self.cache.mark_synced(Uptime::from_nanos(moment));
                }
                None => {}
            },
            Event::Begin(user) => {
                self.lookups.push_back(Lookup { user, change_seq: self.cache.change_seq(), read: None });
            }
            Event::Read => {
                if let Some(lookup) = self.lookups.iter_mut().find(|lookup| lookup.read.is_none()) {
                    lookup.read = Some(self.versions[lookup.user]);
                }
            }
            Event::Insert => {
                if let Some(at) = self.lookups.iter().position(|lookup| lookup.read.is_some()) {
                    let lookup = self.lookups.remove(at).expect("it is there");
                    let change_seq = if self.without == Without::PendingLookups {
                        self.cache.change_seq()
                    } else {
                        lookup.change_seq
                    };
                    let text = lookup.read.unwrap_or(0).to_be_bytes();
                    self.cache.insert(&digest(lookup.user as u64), change_seq, entry(id(lookup.user), &text));
                }
            }
            Event::Disconnect => {
                self.listens = false;
                self.queue.clear();
            }
            Event::Reconnect => self.reconnect(),
            Event::Pass(millis) => self.now += millis * MS,
            Event::Ask(user) => return self.ask(user),
            Event::Heartbeat => {}
        }
        Ok(())
    }

    fn ask(&mut self, user: usize) -> Result<(), String> {
        let Some(cached) = self.cache.get(&digest(user as u64), at(self.now), Staleness::Bound) else { return Ok(()) };
        self.served += 1;
        let version = u64::from_be_bytes(cached.text.try_into().expect("eight bytes"));
        // The first change that this answer does not show yet must be younger than the bound.
        let next = self.committed.iter().find(|one| one.user == user && one.version == version + 1);
        match next {
            Some(next) if u128::from(self.now - next.at) >= BOUND.as_nanos() => {
                Err(format!("an answer {} ms behind", (self.now - next.at) / MS))
            }
            _ => Ok(()),
        }
    }
}

fn id(user: usize) -> i64 {
    i64::try_from(user).unwrap() + 1
}

fn change(user: usize) -> Change {
    Change::User(id(user))
}

/// Random events. Those that may cause faults are more frequent than in reality.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let user = || 0..USERS;
    let event = prop_oneof![
        2 => user().prop_map(Event::Commit),
        1 => user().prop_map(Event::CommitHere),
        4 => Just(Event::Heartbeat),
        6 => Just(Event::Receive),
        4 => user().prop_map(Event::Begin),
        4 => Just(Event::Read),
        4 => Just(Event::Insert),
        1 => Just(Event::Disconnect),
        2 => Just(Event::Reconnect),
        3 => prop_oneof![Just(1), Just(100), Just(400), Just(999), Just(1_000)].prop_map(Event::Pass),
        6 => user().prop_map(Event::Ask),
    ];
    prop::collection::vec(event, 1..120)
}

/// Searches. Returns the number of answers from the cache, or the shortest order of events that leads to a stale one.
fn search(without: Without, cases: u32) -> Result<usize, String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let served = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&events(), |events| {
        let mut world = World::new(without);
        for event in events {
            world.happen(event).map_err(TestCaseError::fail)?;
        }
        served.set(served.get() + world.served);
        Ok(())
    });
    match result {
        Ok(()) => Ok(served.get()),
        Err(TestError::Fail(reason, events)) => Err(format!("{reason}: {events:?}")),
        Err(TestError::Abort(reason)) => panic!("the search was served up: {reason}"),
    }
}

#[test]
fn no_order_of_events_leads_to_an_answer_past_the_bound() {
    let served = search(Without::Nothing, 6_000).unwrap_or_else(|found| panic!("{found}"));
    assert!(served > 3_000, "the search must check many answers: {served}");
}

#[test]
fn without_any_one_guard_the_search_finds_a_stale_answer() {
    let guards = [
        Without::PendingLookups,
        Without::ClearingOnReconnect,
        Without::TimeOfSending,
        Without::Bound,
        Without::OwnChanges,
    ];
    for without in guards {
        let found = search(without, 200_000).expect_err(&format!("{without:?} must be missed"));
        assert!(found.contains("behind"), "{found}");
    }
}
