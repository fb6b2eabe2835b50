//! Searches for a stale answer of the cache, in random orders of transactions, readings of the change log, lookups,
//! insertions, disconnections, failovers and passing time. The cache is the real one. Everything else is a model:
//! PostgreSQL with its snapshots and timelines, the reader of the change log, the lookups under way, and a follower,
//! which is a service that caches a node's answers and reads its `/changes`.

use std::collections::{BTreeSet, VecDeque};

use jeton::domain::change::Change;
use jeton::domain::time::Uptime;
use jeton::service::cache::{Cache, ChangeSeq, Staleness};

use super::{BOUND, MS, at, cache, digest, entry};

const USERS: usize = 2;

/// An event.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A transaction begins that changes a user. It gets the next number.
    BeginChange(usize),
    /// The oldest transaction under way commits.
    CommitOldest,
    /// The newest transaction under way commits.
    CommitNewest,
    /// The newest transaction under way is rolled back, and leaves no trace but its number.
    RollBack,
    /// A transaction that changes a user begins and commits.
    Change(usize),
    /// This node changes a user: it applies the change before it answers.
    CommitHere(usize),
    /// The reader of the change log notes the time.
    BeginReading,
    /// The reader's statement runs, with one snapshot for the rows and the next cursor.
    ReadLog,
    /// The result arrives at the node, which applies it.
    EndReading,
    /// The three events of a reading happen at once.
    Reading,
    /// A lookup begins: it notes the `ChangeSeq`.
    BeginLookup(usize),
    /// The oldest lookup that has not read yet reads the database.
    Read,
    /// The oldest lookup that has read inserts its answer into the cache.
    Insert,
    /// The reader's connection breaks, with the reading that is under way.
    Disconnect,
    /// A standby is promoted, which has everything that was committed; transactions under way are lost. Its numbers of
    /// transactions are its own.
    FailOver,
    /// Milliseconds pass.
    Pass(u64),
    /// A client introspects the user's token at this node.
    Ask(usize),
    /// The follower notes the time and requests the changes after its cursor.
    BeginFollowing,
    /// The node answers, after a reading that began later than the request.
    AnswerFollower,
    /// The answer arrives at the follower.
    EndFollowing,
    /// The three events of a request for changes happen at once, with a reading.
    Following,
    /// The follower introspects the user's token at the node, which answers from its cache or from the database.
    FollowerAsks(usize),
    /// The answer arrives, and the follower caches it.
    FollowerRemembers,
    /// A client needs the follower's answer about the user's token.
    AskFollower(usize),
}

/// A guard that is removed, to check that the search then finds a stale answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// A lookup notes the `ChangeSeq` at its end instead of its beginning.
    PendingLookups,
    /// After a disconnection, the new reader does not clear the cache.
    ClearingOnReconnect,
    /// The sync time is the moment when the reading ends.
    TimeOfBeginning,
    /// The last sync may be of any age.
    Bound,
    /// A node's own changes wait for a reading.
    OwnChanges,
    /// A cursor does not contain the transactions that were under way.
    Running,
    /// A cursor does not contain its timeline.
    Timeline,
    /// The follower caches an answer although it has received a change of the user since its request.
    FollowersOrder,
    /// The follower counts its changes as known up to the arrival of the answer, and not up to its request.
    FollowersTime,
    /// The node answers the follower after a reading that began before the request.
    ReadingAfterRequest,
}

/// A transaction that changes a user.
struct Transaction {
    number: u64,
    user: usize,
}

/// A snapshot, and the timeline that it was taken on.
#[derive(Clone, PartialEq, Eq)]
struct Cursor {
    timeline: u64,
    xmax: u64,
    running: BTreeSet<u64>,
}

/// A row of the change log.
struct Row {
    number: u64,
    user: usize,
}

struct Reading {
    since: u64,
    /// The result of the statement: the next cursor, and the changes, or `None` if the old cursor is not usable.
    read: Option<(Cursor, Option<Vec<usize>>)>,
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
    /// Whether this node made the change. Its answers must then show the change at once, however recent the last sync
    /// is.
    here: bool,
}

/// A service that caches a node's answers and reads its changes.
#[derive(Default)]
struct Follower {
    /// How many of the node's changes the follower has read; `None` if it has no cursor yet.
    position: Option<usize>,
    request: Option<Request>,
    proof: u64,
    /// How many changes the follower has applied, and which was the last of each user.
    applied: u64,
    last: [u64; USERS],
    remembered: [Option<u64>; USERS],
    asking: VecDeque<(usize, u64, u64)>,
}

struct Request {
    since: u64,
    answer: Option<(usize, Option<Vec<usize>>)>,
}

impl Without {
    /// The events whose orders are searched: all of them, or only those that lead to the fault that this guard
    /// prevents. With few events the search finds the fault at once.
    fn events(self) -> Vec<Event> {
        let passing = [Event::Pass(1), Event::Pass(400), Event::Pass(999), Event::Pass(1_000)];
        let following = [Event::BeginFollowing, Event::AnswerFollower, Event::EndFollowing, Event::AskFollower(0)];
        let reading = [Event::BeginReading, Event::ReadLog, Event::EndReading];
        let (change, own): (Event, &[Event]) = match self {
            Self::Nothing => return all_events(),
            Self::PendingLookups => {
                (Event::Change(0), &[Event::BeginLookup(0), Event::Read, Event::Insert, Event::Reading])
            }
            Self::ClearingOnReconnect => (Event::Change(0), &[Event::Disconnect, Event::Reading]),
            Self::TimeOfBeginning => (Event::Change(0), &reading),
            Self::Bound => (Event::Change(0), &[]),
            Self::OwnChanges => (Event::CommitHere(0), &[Event::Reading]),
            Self::Running => (Event::BeginChange(0), &[Event::CommitOldest, Event::Reading]),
            Self::Timeline => {
                (Event::Change(0), &[Event::BeginChange(0), Event::RollBack, Event::FailOver, Event::Reading])
            }
            Self::FollowersOrder => (
                Event::Change(0),
                &[Event::FollowerAsks(0), Event::FollowerRemembers, Event::Following, Event::AskFollower(0)],
            ),
            Self::FollowersTime | Self::ReadingAfterRequest => (Event::Change(0), &following),
        };
        let asking = [Event::Ask(0), Event::Reading];
        [own, &[change], &passing, &asking].concat()
    }
}

struct World {
    without: Without,
    cache: Cache,
    now: u64,
    timeline: u64,
    next_number: u64,
    running: Vec<Transaction>,
    log: Vec<Row>,
    versions: [u64; USERS],
    committed: Vec<Committed>,
    cursor: Option<Cursor>,
    reading: Option<Reading>,
    synced_at: u64,
    /// The changes that the node passes on to followers; `None` means that they must forget everything.
    feed: Vec<Option<usize>>,
    lookups: VecDeque<Lookup>,
    follower: Follower,
    served: usize,
}

impl World {
    fn new(without: Without) -> Self {
        let cache = match without {
            Without::Bound => Cache::new(1 << 16, BOUND * 1_000, std::time::Duration::ZERO).unwrap(),
            _ => cache(1 << 16),
        };
        let mut world = Self {
            without,
            cache,
            now: 1_000 * MS,
            timeline: 1,
            next_number: 100,
            running: Vec::new(),
            log: Vec::new(),
            versions: [0; USERS],
            committed: Vec::new(),
            cursor: None,
            reading: None,
            synced_at: 0,
            feed: Vec::new(),
            lookups: VecDeque::new(),
            follower: Follower::default(),
            served: 0,
        };
        // A search that begins with remembered answers finds more faults.
        for event in [
            Event::Following,
            Event::BeginLookup(0),
            Event::Read,
            Event::Insert,
            Event::FollowerAsks(0),
            Event::FollowerRemembers,
        ] {
            world.happen(event).expect("no answer is checked yet");
        }
        world
    }

    fn begin_change(&mut self, user: usize) {
        self.running.push(Transaction { number: self.next_number, user });
        self.next_number += 1;
    }

    fn commit(&mut self, Transaction { number, user }: Transaction) {
        self.log.push(Row { number, user });
        self.versions[user] += 1;
        self.committed.push(Committed { user, version: self.versions[user], at: self.now, here: false });
    }

    fn snapshot(&self) -> Cursor {
        let running = self.running.iter().map(|transaction| transaction.number).collect();
        Cursor { timeline: self.timeline, xmax: self.next_number, running }
    }

    /// The rows that `src/store/change_log/postgres.rs` would read.
    fn read_log(&self, after: Option<&Cursor>) -> (Cursor, Option<Vec<usize>>) {
        let now = self.snapshot();
        let is_good = |after: &&Cursor| {
            (after.timeline == now.timeline || self.without == Without::Timeline) && after.xmax <= now.xmax
        };
        let read = after.filter(is_good).map(|after| {
            let was_running = |number| after.running.contains(&number) && self.without != Without::Running;
            let rows = self.log.iter().filter(|row| row.number >= after.xmax || was_running(row.number));
            rows.map(|row| row.user).collect()
        });
        (now, read)
    }

    fn end_reading(&mut self) {
        let Some(Reading { since, read: Some((cursor, changes)) }) = self.reading.take() else {
            return;
        };
        match changes {
            Some(users) => {
                for user in users {
                    self.cache.apply(&change(user));
                    self.feed.push(Some(user));
                }
            }
            None if self.without == Without::ClearingOnReconnect && self.cursor.is_none() => {}
            None => {
                self.cache.apply(&Change::Everything);
                self.feed.push(None);
            }
        }
        self.cursor = Some(cursor);
        let moment = if self.without == Without::TimeOfBeginning { self.now } else { since };
        self.cache.mark_synced(Uptime::from_nanos(moment));
        self.synced_at = moment;
    }

    /// # Errors
    /// A stale answer.
    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::BeginChange(user) => self.begin_change(user),
            Event::CommitOldest if !self.running.is_empty() => {
                let oldest = self.running.remove(0);
                self.commit(oldest);
            }
            Event::CommitNewest => {
                if let Some(newest) = self.running.pop() {
                    self.commit(newest);
                }
            }
            Event::RollBack => drop(self.running.pop()),
            Event::Change(user) => {
                self.begin_change(user);
                return self.happen(Event::CommitNewest);
            }
            Event::Reading => {
                for part in [Event::BeginReading, Event::ReadLog, Event::EndReading] {
                    self.happen(part)?;
                }
            }
            Event::Following => {
                for part in [Event::BeginFollowing, Event::Pass(1), Event::Reading, Event::AnswerFollower] {
                    self.happen(part)?;
                }
                return self.happen(Event::EndFollowing);
            }
            Event::CommitHere(user) => {
                self.begin_change(user);
                let transaction = self.running.pop().expect("just begun");
                self.commit(transaction);
                if self.without != Without::OwnChanges {
                    self.cache.apply(&change(user));
                }
                self.committed.last_mut().expect("just committed").here = true;
            }
            Event::BeginReading if self.reading.is_none() => {
                self.reading = Some(Reading { since: self.now, read: None });
            }
            Event::ReadLog => {
                if self.reading.as_ref().is_some_and(|reading| reading.read.is_none()) {
                    let read = self.read_log(self.cursor.as_ref());
                    self.reading.as_mut().expect("there is a reading").read = Some(read);
                }
            }
            Event::EndReading => self.end_reading(),
            Event::BeginLookup(user) => {
                self.lookups.push_back(Lookup { user, change_seq: self.cache.change_seq(), read: None });
            }
            Event::Read => {
                if let Some(lookup) = self.lookups.iter_mut().find(|lookup| lookup.read.is_none()) {
                    lookup.read = Some(self.versions[lookup.user]);
                }
            }
            Event::Insert => self.insert(),
            Event::Disconnect => {
                self.reading = None;
                self.cursor = None;
            }
            Event::FailOver => {
                self.timeline += 1;
                self.running.clear();
                // The new primary does not know the numbers of transactions that were rolled back.
                self.next_number = self.log.iter().map(|row| row.number).max().unwrap_or(99) + 1;
            }
            Event::Pass(millis) => self.now += millis * MS,
            Event::Ask(user) => {
                let cached = self.cache.get(&digest(user as u64), at(self.now), Staleness::Bound);
                return cached.map_or(Ok(()), |cached| self.check(user, version(&cached.text), true));
            }
            Event::BeginFollowing
            | Event::AnswerFollower
            | Event::EndFollowing
            | Event::FollowerAsks(_)
            | Event::FollowerRemembers
            | Event::AskFollower(_) => return self.follow(event),
            Event::CommitOldest | Event::BeginReading => {}
        }
        Ok(())
    }

    fn insert(&mut self) {
        let Some(at) = self.lookups.iter().position(|lookup| lookup.read.is_some()) else {
            return;
        };
        let lookup = self.lookups.remove(at).expect("it is there");
        let change_seq =
            if self.without == Without::PendingLookups { self.cache.change_seq() } else { lookup.change_seq };
        let text = lookup.read.unwrap_or(0).to_be_bytes();
        self.cache.insert(&digest(lookup.user as u64), change_seq, entry(id(lookup.user), &text));
    }

    /// The events of the follower, which caches this node's answers.
    fn follow(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::BeginFollowing if self.follower.request.is_none() => {
                self.follower.request = Some(Request { since: self.now, answer: None });
            }
            Event::AnswerFollower => {
                let Some(request) = &mut self.follower.request else {
                    return Ok(());
                };
                let is_proof = self.synced_at > request.since || self.without == Without::ReadingAfterRequest;
                if request.answer.is_none() && is_proof {
                    let changes = self.follower.position.and_then(|from| self.feed[from..].iter().copied().collect());
                    request.answer = Some((self.feed.len(), changes));
                }
            }
            Event::EndFollowing => {
                let Some(Request { since, answer: Some((position, changes)) }) = self.follower.request.take() else {
                    return Ok(());
                };
                let follower = &mut self.follower;
                let users = changes.unwrap_or_else(|| (0..USERS).collect());
                for user in users {
                    follower.applied += 1;
                    follower.last[user] = follower.applied;
                    follower.remembered[user] = None;
                }
                follower.position = Some(position);
                follower.proof = if self.without == Without::FollowersTime { self.now } else { since };
            }
            Event::FollowerAsks(user) => {
                let cached = self.cache.get(&digest(user as u64), at(self.now), Staleness::Bound);
                let version = cached.map_or(self.versions[user], |cached| version(&cached.text));
                self.follower.asking.push_back((user, version, self.follower.applied));
            }
            Event::FollowerRemembers => {
                if let Some((user, version, applied)) = self.follower.asking.pop_front()
                    && (self.follower.last[user] <= applied || self.without == Without::FollowersOrder)
                {
                    self.follower.remembered[user] = Some(version);
                }
            }
            Event::AskFollower(user) => {
                let age = u128::from(self.now - self.follower.proof);
                if let Some(version) = self.follower.remembered[user]
                    && self.follower.proof > 0
                    && age < BOUND.as_nanos()
                {
                    return self.check(user, version, false);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The first change that an answer does not show yet must be younger than the bound.
    fn check(&mut self, user: usize, version: u64, is_here: bool) -> Result<(), String> {
        self.served += 1;
        let next = self.committed.iter().find(|one| one.user == user && one.version == version + 1);
        let Some(next) = next else { return Ok(()) };
        if u128::from(self.now - next.at) < BOUND.as_nanos() && !(next.here && is_here) {
            return Ok(());
        }
        Err(format!("an answer {} ms behind", (self.now - next.at) / MS))
    }
}

fn version(text: &[u8]) -> u64 {
    u64::from_be_bytes(text.try_into().expect("eight bytes"))
}

fn id(user: usize) -> i64 {
    i64::try_from(user).unwrap() + 1
}

fn change(user: usize) -> Change {
    Change::User(id(user))
}

/// All events. Some are in the list several times, because faults need them more often.
fn all_events() -> Vec<Event> {
    let of_user = |user| {
        [
            vec![Event::BeginChange(user), Event::CommitHere(user), Event::FollowerAsks(user)],
            vec![Event::Change(user); 2],
            vec![Event::BeginLookup(user); 2],
            vec![Event::AskFollower(user); 2],
            vec![Event::Ask(user); 3],
        ]
        .concat()
    };
    let others = [
        vec![Event::CommitNewest, Event::RollBack, Event::Disconnect, Event::FailOver],
        [Event::CommitOldest, Event::BeginReading, Event::ReadLog, Event::EndReading].repeat(2),
        [Event::BeginFollowing, Event::AnswerFollower, Event::EndFollowing, Event::FollowerRemembers].repeat(2),
        [Event::Following, Event::Reading, Event::Read, Event::Insert].repeat(3),
        vec![Event::Pass(1), Event::Pass(400), Event::Pass(999), Event::Pass(1_000)],
    ];
    [of_user(0), of_user(1), others.concat()].concat()
}

fn search(without: Without, cases: u32) -> Result<usize, String> {
    super::search(&without.events(), cases, |events| {
        let mut world = World::new(without);
        events.into_iter().try_for_each(|event| world.happen(event))?;
        Ok(world.served)
    })
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
        Without::TimeOfBeginning,
        Without::Bound,
        Without::OwnChanges,
        Without::Running,
        Without::Timeline,
        Without::FollowersOrder,
        Without::FollowersTime,
        Without::ReadingAfterRequest,
    ];
    for without in guards {
        let found = search(without, 200_000).expect_err(&format!("{without:?} must lead to a stale answer"));
        assert!(found.contains("behind"), "{found}");
    }
}
