use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::domain::time::Timestamp;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADDRESS: usize = 0;
const USER: usize = 1;

/// Limits by address and by user, and keys for both.
struct Limits {
    throttle: Throttle,
    keys: Keys,
    clock: Clock,
}

impl Limits {
    fn new(by_address: Option<&str>, by_user: Option<&str>) -> Self {
        let rate = |text: Option<&str>| text.map(|text| Rate::parse(text).unwrap());
        let throttle = Throttle::new(&[rate(by_address), rate(by_user)]);
        Self { throttle, keys: Keys::new(), clock: Clock::fixed(START) }
    }

    fn wanted(&self, name: &str) -> [Wanted; 2] {
        let want =
            |limit, part: &str| Wanted { limit, key: self.keys.key(&[part.as_bytes()]), if_full: IfFull::Refused };
        [want(ADDRESS, "192.0.2.7"), want(USER, name)]
    }

    /// An attempt that must be decided at once, without waiting.
    fn at_once(&self, name: &str) -> Result<Attempt<'_>, Stopped> {
        match self.throttle.take(&self.wanted(name), None, self.clock.uptime())? {
            Outcome::Taken(attempt) => Ok(attempt),
            Outcome::Queued(_) => panic!("it waits"),
        }
    }

    fn fail(&self, name: &str) -> Result<(), Stopped> {
        self.at_once(name).map(drop)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn attempt(&self, name: &str) -> Result<Attempt<'_>, Stopped> {
        self.throttle.attempt(&self.wanted(name), &self.clock).await
    }
}

type Trying<'a> = Pin<Box<dyn Future<Output = Result<Attempt<'a>, Stopped>> + 'a>>;

fn poll<'a>(trying: &mut Trying<'a>) -> Option<Result<Attempt<'a>, Stopped>> {
    match trying.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn full(seconds: u64, is_first: bool) -> Result<(), Stopped> {
    Err(Stopped::Refused(Refusal { wait: Duration::from_secs(seconds), is_first }))
}

fn in_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

#[test]
fn failures_count_and_good_attempts_do_not() {
    let limits = Limits::new(Some("3/min"), Some("2/min"));
    for _ in 0..10 {
        limits.at_once("alice").unwrap_or_else(|_| panic!("a slot")).forgive();
    }
    assert_eq!(limits.fail("alice"), Ok(()));
    limits.advance(10);
    assert_eq!(limits.fail("alice"), Ok(()));
    limits.advance(5);
    assert_eq!(limits.fail("alice"), full(45, true), "two failures of one user");
    limits.advance(5);
    assert_eq!(limits.fail("bob"), Ok(()));
    limits.advance(10);
    assert_eq!(limits.fail("carol"), full(30, true), "three failures of one address");
    limits.advance(31);
    assert_eq!(limits.fail("alice"), Ok(()));
    assert_eq!(limits.fail("alice"), full(9, true));
}

#[test]
fn only_the_first_refusal_is_marked_until_an_attempt_is_admitted() {
    let limits = Limits::new(Some("3/min"), Some("2/min"));
    assert_eq!(limits.fail("alice"), Ok(()));
    limits.advance(10);
    assert_eq!(limits.fail("alice"), Ok(()));
    limits.advance(10);
    assert_eq!([limits.fail("alice"), limits.fail("alice")], [full(40, true), full(40, false)]);
    limits.advance(39);
    assert_eq!(limits.fail("alice"), full(1, false));
    assert_eq!(limits.fail("bob"), Ok(()), "the address's third");
    assert_eq!([limits.fail("bob"), limits.fail("alice")], [full(1, true), full(1, false)], "for any user");
    limits.advance(1);
    assert_eq!(limits.fail("carol"), Ok(()));
    assert_eq!(limits.fail("dave"), full(10, true), "full again");
}

#[test]
fn of_two_full_windows_the_longer_wait_is_returned() {
    let limits = Limits::new(Some("1/min"), Some("1/hour"));
    assert_eq!(limits.fail("alice"), Ok(()));
    assert_eq!(limits.fail("alice"), full(3_600, true));
    assert_eq!(limits.fail("bob"), full(60, false));
}

#[test]
fn a_limit_can_be_off() {
    let limits = Limits::new(None, None);
    assert!((0..1000).all(|_| limits.fail("alice") == Ok(())));
}

#[test]
fn an_admitted_attempt_takes_no_slot_and_an_unclear_one_is_returned() {
    let limits = Limits::new(None, Some("1/hour"));
    assert_eq!(limits.fail("alice"), Ok(()));
    let take = |if_full| {
        let mut wanted = limits.wanted("alice");
        wanted[USER].if_full = if_full;
        limits.throttle.take(&wanted, None, limits.clock.uptime()).map(drop)
    };
    assert_eq!(take(IfFull::Unclear), Err(Stopped::Unclear));
    assert_eq!((take(IfFull::Admitted), take(IfFull::Admitted)), (Ok(()), Ok(())));
    assert_eq!(take(IfFull::Refused), full(3_600, true), "the admitted attempts took and freed no slot");
}

#[test]
fn attempts_under_way_reserve_slots_and_others_wait_in_turn() {
    let limits = Limits::new(None, Some("2/min"));
    in_runtime(async {
        let (first, second) = (limits.at_once("alice").ok(), limits.at_once("alice").ok());
        let mut waiting: Vec<Trying> = (0..3).map(|_| Box::pin(limits.attempt("alice")) as Trying).collect();
        assert!(waiting.iter_mut().all(|trying| poll(trying).is_none()));
        drop(limits.at_once("bob"));
        first.unwrap().forgive();
        assert!(poll(&mut waiting[2]).is_none() && poll(&mut waiting[1]).is_none(), "the first who came is the first");
        let third = poll(&mut waiting[0]).expect("its turn").ok();
        drop(second); // a failure: one slot is left, and that is taken
        assert!(poll(&mut waiting[1]).is_none());
        drop(third);
        for (number, is_first) in [(1, true), (2, false)] {
            assert_eq!(poll(&mut waiting[number]).expect("it is decided").map(drop), full(60, is_first));
        }
    });
}

#[test]
fn an_abandoned_turn_goes_to_the_next_waiter() {
    let limits = Limits::new(None, Some("1/min"));
    in_runtime(async {
        let first = limits.at_once("alice").unwrap_or_else(|_| panic!("a slot"));
        let mut waiting: Vec<Trying> = (0..4).map(|_| Box::pin(limits.attempt("alice")) as Trying).collect();
        assert!(waiting.iter_mut().all(|trying| poll(trying).is_none()));
        drop(waiting.remove(0)); // gives up before its turn
        first.forgive();
        drop(waiting.remove(0)); // and in it
        poll(&mut waiting[0]).expect("its turn").unwrap_or_else(|_| panic!("a slot")).forgive();
        poll(&mut waiting[1]).expect("its turn").unwrap_or_else(|_| panic!("a slot")).forgive();
    });
    let state = limits.throttle.lock();
    assert_eq!(state.waiting, 0);
}

#[test]
fn waiters_are_bounded_per_window_and_in_all_and_all_are_served() {
    let limits = Limits::new(None, Some("1/min"));
    in_runtime(async {
        let names: Vec<String> = (0..5).map(|number| format!("user-{number}")).collect();
        let held: Vec<_> = names.iter().map(|name| limits.at_once(name).unwrap_or_else(|_| panic!("a slot"))).collect();
        let mut waiting: Vec<Trying> = Vec::new();
        let mut busy = 0;
        for name in &names {
            for _ in 0..600 {
                let mut trying: Trying = Box::pin(limits.attempt(name));
                match poll(&mut trying) {
                    None => waiting.push(trying),
                    Some(result) => {
                        assert_eq!(result.map(drop), Err(Stopped::Busy));
                        busy += 1;
                    }
                }
            }
        }
        assert_eq!((waiting.len(), busy), (256, 3000 - 256));
        held.into_iter().for_each(Attempt::forgive);
        let mut served = 0;
        for mut trying in waiting {
            poll(&mut trying).expect("its turn").unwrap_or_else(|_| panic!("a slot")).forgive();
            served += 1;
            // The runtime lets a task do only so much in one go.
            tokio::task::yield_now().await;
        }
        assert_eq!(served, 256);
    });
}
