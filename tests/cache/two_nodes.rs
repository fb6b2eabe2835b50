//! Searches an edge of two nodes for a stale answer: it may read a change from one node, and then an answer from the other
//! one, which has not read that change yet and answers from its own memory, or which does not reach the database and may
//! answer for longer (`JETON_STALE_IF_ERROR`). The edge's cache is the real one.

use std::collections::VecDeque;

use jeton::domain::change::Change;
use jeton::domain::time::{Timestamp, Uptime};
use jeton::service::cache::{Cache, ChangeSeq, NewEntry, Now, Staleness};

use super::{BOUND, MS, at, cache, digest, entry};

/// An event.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The token changes.
    Change,
    /// Another token, which was not active, is active from now on. Nobody tells an edge which answer that changes.
    Activate,
    /// A node reads all changes so far; they arrive later.
    BeginReading(usize),
    EndReading(usize),
    /// The edge asks a node for the changes after its cursor.
    BeginFollowing(usize),
    /// The node answers, by a reading that began after the request.
    AnswerFollowing,
    EndFollowing,
    /// The edge asks a node for both tokens.
    BeginLookup(usize),
    /// The node answers the oldest question: from its memory if it may, else from the database.
    AnswerFromMemory,
    AnswerFromDatabase,
    /// The oldest answer arrives at the edge.
    Insert,
    Pass(u64),
    /// Somebody asks the edge.
    Ask,
    /// A whole reading of a node.
    Reading(usize),
    /// A whole request for changes.
    Following(usize),
    /// A whole lookup, answered from the node's memory if it may.
    Lookup(usize),
}

/// What the edge does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// The age of answers: they count as true when they were asked for.
    Age,
    /// They count as true when they arrived, as old as they were when they were asked for.
    TimeOfQuestion,
    /// The proof is the moment when the changes arrive.
    TimeOfRequest,
    /// "Not active" is remembered like any other answer.
    EndOfInactive,
    /// "Not active" is remembered for a bound from when it was asked for, however old the answer is.
    AgeOfInactive,
}

#[derive(Default)]
struct Node {
    synced_at: u64,
    /// How many changes it knows.
    known: usize,
    reading: Option<(u64, usize)>,
}

struct Following {
    node: usize,
    sent: u64,
    answer: Option<usize>,
}

struct Lookup {
    node: usize,
    sent: u64,
    /// How many changes the answer shows, and how old it was when the question arrived.
    answer: Option<(usize, u64)>,
}

/// How long a node answers from memory while it does not reach the database.
const STALE: u64 = 3_000 * MS;

struct World {
    without: Without,
    edge: Cache,
    now: u64,
    /// When each change was committed; the number of changes is the token's version.
    changes: Vec<u64>,
    /// Which change made the other token active.
    activated: Option<usize>,
    nodes: [Node; 2],
    following: Option<Following>,
    cursor: Option<usize>,
    lookups: VecDeque<Lookup>,
    served: usize,
}

impl World {
    fn new(without: Without) -> Self {
        let edge = cache(1 << 16).with_lag(BOUND * 20);
        let mut world = Self {
            without,
            edge,
            now: 10_000 * MS,
            changes: Vec::new(),
            activated: None,
            nodes: <[Node; 2]>::default(),
            following: None,
            cursor: None,
            lookups: VecDeque::new(),
            served: 0,
        };
        // A search that begins with remembered answers finds more faults.
        let events =
            [Event::Following(0), Event::Pass(1_000), Event::Following(0), Event::Reading(1), Event::Lookup(1)];
        for event in events {
            world.happen(event).expect("nothing is asked yet");
        }
        world
    }

    /// # Errors
    /// A stale answer.
    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Change => self.changes.push(self.now),
            Event::Activate => {
                if self.activated.is_none() {
                    self.activated = Some(self.changes.len());
                    self.changes.push(self.now);
                }
            }
            Event::BeginReading(node) => self.nodes[node].reading = Some((self.now, self.changes.len())),
            Event::EndReading(node) => {
                let node = &mut self.nodes[node];
                if let Some((since, known)) = node.reading.take() {
                    (node.synced_at, node.known) = (since, known);
                }
            }
            Event::BeginFollowing(node) => {
                self.following = Some(Following { node, sent: self.now, answer: None });
            }
            Event::AnswerFollowing => {
                if let Some(following) = &mut self.following {
                    let node = &self.nodes[following.node];
                    let is_proof = node.synced_at > following.sent;
                    following.answer = following.answer.or(is_proof.then_some(node.known));
                }
            }
            Event::EndFollowing => self.end_following(),
            Event::BeginLookup(node) => {
                self.lookups.push_back(Lookup { node, sent: self.now, answer: None });
            }
            Event::AnswerFromMemory | Event::AnswerFromDatabase => {
                if let Some(lookup) = self.lookups.iter_mut().find(|lookup| lookup.answer.is_none()) {
                    let node = &self.nodes[lookup.node];
                    let remembers = matches!(event, Event::AnswerFromMemory) && self.now - node.synced_at < STALE;
                    let (version, as_of) =
                        if remembers { (node.known, node.synced_at) } else { (self.changes.len(), self.now) };
                    lookup.answer = Some((version, self.now - as_of));
                }
            }
            Event::Insert => {
                if let Some(at) = self.lookups.iter().position(|lookup| lookup.answer.is_some()) {
                    let Lookup { sent, answer, .. } = self.lookups.remove(at).expect("it is there");
                    let (version, age) = answer.expect("it is answered");
                    let moment = match self.without {
                        Without::Age => sent,
                        Without::TimeOfQuestion => self.now - age,
                        _ => sent - age,
                    };
                    let change_seq = self.edge.change_seq_at(Uptime::from_nanos(moment));
                    self.edge.insert(&digest(1), change_seq, entry(1, &version.to_be_bytes()));
                    if self.activated.is_none_or(|activated| version <= activated) {
                        self.insert_inactive(change_seq, sent, moment);
                    }
                }
            }
            Event::Reading(node) => {
                self.happen(Event::BeginReading(node))?;
                return self.happen(Event::EndReading(node));
            }
            Event::Following(node) => {
                for part in [Event::BeginFollowing(node), Event::Pass(1), Event::Reading(node), Event::AnswerFollowing]
                {
                    self.happen(part)?;
                }
                return self.happen(Event::EndFollowing);
            }
            Event::Lookup(node) => {
                for part in [Event::BeginLookup(node), Event::AnswerFromMemory] {
                    self.happen(part)?;
                }
                return self.happen(Event::Insert);
            }
            Event::Pass(millis) => self.now += millis * MS,
            Event::Ask => {
                let time = Uptime::from_nanos(self.now).as_time();
                let now = Now { time, ..at(self.now) };
                let given = |number| self.edge.get(&digest(number), now, Staleness::Bound);
                let (version, inactive) = (given(1), given(2));
                if let (Some(_), Some(activated)) = (inactive, self.activated) {
                    self.check(activated)?;
                }
                if let Some(cached) = version {
                    return self.check(usize::from_be_bytes(cached.text.try_into().expect("eight bytes")));
                }
            }
        }
        Ok(())
    }

    /// As `src/service/introspection/upstream_answer.rs` does.
    fn insert_inactive(&self, change_seq: ChangeSeq, sent: u64, moment: u64) {
        let after = |nanos| Uptime::from_nanos(nanos).after(BOUND).as_time();
        let until = match self.without {
            Without::EndOfInactive => Timestamp::NEVER,
            Without::AgeOfInactive => after(sent),
            _ => after(moment),
        };
        let inactive = NewEntry { of: None, hit_until: until, ends_at: until, code: 1, text: b"" };
        self.edge.insert(&digest(2), change_seq, inactive);
    }

    fn end_following(&mut self) {
        let Some(Following { sent, answer: Some(known), .. }) = self.following.take() else { return };
        match self.cursor {
            Some(cursor) => (cursor..known).for_each(|_| self.edge.apply(&Change::User(1))),
            None => self.edge.apply(&Change::Everything),
        }
        self.cursor = Some(known);
        let proof = if self.without == Without::TimeOfRequest { self.now } else { sent };
        self.edge.mark_synced_at(Uptime::from_nanos(proof), Uptime::from_nanos(self.now));
    }

    /// An answer that shows so many changes: the next one must be younger than the bound.
    fn check(&mut self, version: usize) -> Result<(), String> {
        self.served += 1;
        match self.changes.get(version) {
            Some(at) if u128::from(self.now - at) >= BOUND.as_nanos() => {
                Err(format!("an answer {} ms behind", (self.now - at) / MS))
            }
            _ => Ok(()),
        }
    }
}

impl Without {
    /// The events whose orders are searched: all of them, or those that lead to the fault, so that it is found at once.
    fn events(self) -> Vec<Event> {
        match self {
            Self::EndOfInactive | Self::AgeOfInactive => {
                let passing = [Event::Pass(1), Event::Pass(300), Event::Pass(700)];
                [&[Event::Activate, Event::Lookup(0), Event::Lookup(1), Event::Following(0), Event::Ask], &passing[..]]
                    .concat()
            }
            _ => all_events(),
        }
    }
}

fn all_events() -> Vec<Event> {
    let of_node = |node| {
        vec![
            Event::BeginReading(node),
            Event::EndReading(node),
            Event::BeginFollowing(node),
            Event::BeginLookup(node),
            Event::Reading(node),
            Event::Following(node),
            Event::Following(node),
            Event::Lookup(node),
            Event::Lookup(node),
        ]
    };
    let others = [Event::AnswerFollowing, Event::EndFollowing, Event::AnswerFromMemory, Event::Insert, Event::Ask];
    let passing = [Event::Pass(1), Event::Pass(300), Event::Pass(700), Event::Pass(1_000)];
    [
        of_node(0),
        of_node(1),
        others.repeat(2),
        passing.to_vec(),
        vec![Event::Change, Event::Activate, Event::AnswerFromDatabase],
    ]
    .concat()
}

fn search(without: Without, cases: u32) -> Result<usize, String> {
    super::search(&without.events(), cases, |events| {
        let mut world = World::new(without);
        events.into_iter().try_for_each(|event| world.happen(event))?;
        Ok(world.served)
    })
}

#[test]
fn an_edge_of_two_nodes_gives_no_answer_past_the_bound() {
    let served = search(Without::Nothing, 20_000).unwrap_or_else(|found| panic!("{found}"));
    assert!(served > 500, "the search must check many answers: {served}");
}

#[test]
fn without_its_guards_the_search_finds_a_stale_answer() {
    let guards =
        [Without::Age, Without::TimeOfQuestion, Without::TimeOfRequest, Without::EndOfInactive, Without::AgeOfInactive];
    for without in guards {
        let found = search(without, 400_000).expect_err(&format!("{without:?} must lead to a stale answer"));
        assert!(found.contains("behind"), "{found}");
    }
}
