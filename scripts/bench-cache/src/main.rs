//! What a hit costs by jeton's own cache, and by `quick_cache` and `moka` in its place: the same digest before it, the same
//! proof of freshness, the same facts beside each answer. And what a miss's insert costs, and how much memory answers take.
//!
//! Prints one line a measure: what, which cache, a number. `scripts/bench caches` makes a table of them. With the number of a
//! cache it fills and measures its memory; with a count behind that it does so many hits, for valgrind to count instructions.

#![allow(clippy::cast_precision_loss, reason = "a measuring program")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

use bytes::Bytes;
use cache::{Cache, NewEntry, Now, Staleness};
use domain::time::{Timestamp, Uptime};
use domain::token::{Token, TokenDigest};
use freshness::Freshness;

/// As `service/cache/mod.rs` has it.
mod atomic {
    pub use std::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../../src/domain"]
#[allow(dead_code, reason = "jeton uses all of it")]
mod domain {
    pub mod change;
    pub mod random;
    pub mod time;
    pub mod token;
}

#[path = "../../../src/service/cache/mod.rs"]
#[allow(dead_code, reason = "jeton uses all of it")]
mod cache;

/// Once more, for the others: it is private to the cache.
#[path = "../../../src/service/cache/freshness.rs"]
#[allow(dead_code, reason = "jeton uses all of it")]
mod freshness;

const TOKENS: usize = 10_000;
const HITS: usize = 500_000;
const INSERTS: usize = 200_000;
const ROUNDS: usize = 5;
const MEMORY: u64 = 64 << 20;
const TEXT: [u8; 190] = [b'x'; 190];

/// A cache of answers that must prove that they are fresh.
trait Answers: Sync {
    fn insert(&self, digest: &TokenDigest, user: i64, text: &[u8]);
    /// The length of the answer, which is there to be sent.
    fn hit(&self, digest: &TokenDigest, now: Now) -> Option<usize>;
    fn mark_synced(&self, moment: Uptime);
}

/// jeton's own.
impl Answers for Cache {
    fn insert(&self, digest: &TokenDigest, user: i64, text: &[u8]) {
        let end = Timestamp::NEVER;
        self.insert(digest, self.change_seq(), NewEntry { user_id: Some(user), hit_until: end, ends_at: end, code: 0, text });
    }

    fn hit(&self, digest: &TokenDigest, now: Now) -> Option<usize> {
        // It becomes a body as it is.
        self.get(digest, now, Staleness::Bound).map(|kept| black_box(Bytes::from(kept.text)).len())
    }

    fn mark_synced(&self, moment: Uptime) {
        Self::mark_synced(self, moment);
    }
}

/// What an answer is kept with, where a ready-made cache keeps it.
#[derive(Clone)]
struct Answer {
    change_seq: u64,
    invalidation_key: usize,
    hit_until: Timestamp,
    ends_at: Timestamp,
    text: Bytes,
}

impl Answer {
    fn new(freshness: &Freshness, user: i64, text: &[u8]) -> Self {
        let (invalidation_key, text) = (freshness::user_key(user), Bytes::copy_from_slice(text));
        Self { change_seq: freshness.changes_applied(), invalidation_key, hit_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, text }
    }

    /// As `Cache::get` decides it.
    fn given(self, freshness: &Freshness, now: Now) -> Option<Bytes> {
        let is_good = now.time < self.hit_until.min(self.ends_at) && freshness.is_current(self.invalidation_key, self.change_seq);
        is_good.then_some(self.text)
    }

    /// Bytes: the text, what is beside it, and a key.
    fn weight(&self) -> usize {
        self.text.len() + size_of::<Self>() + size_of::<TokenDigest>()
    }
}

fn is_synced(freshness: &Freshness, now: Now) -> bool {
    freshness.is_synced(freshness::Staleness::Bound, now.uptime)
}

fn freshness() -> Freshness {
    Freshness::new(Duration::from_hours(1), Duration::ZERO)
}

/// Digests are of chance already: their first bytes are a hash.
#[derive(Clone, Default)]
struct OwnBytes(u64);

impl std::hash::Hasher for OwnBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

type ByOwnBytes = std::hash::BuildHasherDefault<OwnBytes>;

#[derive(Clone)]
struct Weighs;

impl quick_cache::Weighter<TokenDigest, Answer> for Weighs {
    fn weight(&self, _: &TokenDigest, answer: &Answer) -> u64 {
        answer.weight() as u64
    }
}

struct Quick {
    freshness: Freshness,
    answers: quick_cache::sync::Cache<TokenDigest, Answer, Weighs, ByOwnBytes>,
}

impl Quick {
    fn new() -> Self {
        let estimated = usize::try_from(MEMORY).unwrap_or(usize::MAX) / 320;
        let lifecycle = quick_cache::sync::DefaultLifecycle::default();
        let answers = quick_cache::sync::Cache::with(estimated, MEMORY, Weighs, ByOwnBytes::default(), lifecycle);
        Self { freshness: freshness(), answers }
    }
}

impl Answers for Quick {
    fn insert(&self, digest: &TokenDigest, user: i64, text: &[u8]) {
        self.answers.insert(*digest, Answer::new(&self.freshness, user, text));
    }

    fn hit(&self, digest: &TokenDigest, now: Now) -> Option<usize> {
        let answer = is_synced(&self.freshness, now).then(|| self.answers.get(digest))??;
        answer.given(&self.freshness, now).map(|text| black_box(text).len())
    }

    fn mark_synced(&self, moment: Uptime) {
        self.freshness.mark_synced(moment);
    }
}

struct Moka {
    freshness: Freshness,
    answers: moka::sync::Cache<TokenDigest, Answer, ByOwnBytes>,
}

impl Moka {
    fn new() -> Self {
        let answers = moka::sync::Cache::builder()
            .weigher(|_, answer: &Answer| u32::try_from(answer.weight()).unwrap_or(u32::MAX))
            .max_capacity(MEMORY)
            .build_with_hasher(ByOwnBytes::default());
        Self { freshness: freshness(), answers }
    }
}

impl Answers for Moka {
    fn insert(&self, digest: &TokenDigest, user: i64, text: &[u8]) {
        self.answers.insert(*digest, Answer::new(&self.freshness, user, text));
    }

    fn hit(&self, digest: &TokenDigest, now: Now) -> Option<usize> {
        let answer = is_synced(&self.freshness, now).then(|| self.answers.get(digest))??;
        answer.given(&self.freshness, now).map(|text| black_box(text).len())
    }

    fn mark_synced(&self, moment: Uptime) {
        self.freshness.mark_synced(moment);
    }
}

fn ring() -> Cache {
    Cache::new(MEMORY, Duration::from_hours(1), Duration::ZERO).expect("64 MiB")
}

const NAMES: [&str; 3] = ["jeton's own", "quick_cache", "moka"];

/// One of the three, new.
fn new(which: usize) -> Box<dyn Answers> {
    match which {
        0 => Box::new(ring()),
        1 => Box::new(Quick::new()),
        _ => Box::new(Moka::new()),
    }
}

/// CPU time, which no other process disturbs.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nanoseconds of CPU of each piece of work, by so many threads at once, which do it `count` times each.
fn nanos(threads: usize, count: usize, work: impl Fn(usize, usize) + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let spent: Duration = std::thread::scope(|scope| {
        let run = |thread| {
            barrier.wait();
            let before = cpu();
            (0..count).for_each(|turn| work(thread, turn));
            cpu() - before
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|one| one.join().expect("no panic")).sum()
    });
    spent.as_nanos() as f64 / (threads * count) as f64
}

/// Far from each other, as requests come, and each thread in an order of its own.
const fn place(thread: usize, turn: usize, of: usize) -> usize {
    (turn * 7_919 + thread * 104_729) % of
}

fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured[measured.len() / 2]
}

/// Each of the three once a round, in turns; their medians.
fn interleaved(what: &str, measure: impl Fn(usize) -> f64) {
    let mut measured = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (which, measured) in measured.iter_mut().enumerate() {
            measured.push(measure(which));
        }
    }
    for (name, measured) in NAMES.iter().zip(measured) {
        println!("{what}\t{name}\t{:.0}", median(measured));
    }
}

/// KiB in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn hits(caches: &[Box<dyn Answers>], keys: &[String], digests: &[TokenDigest], now: Now) {
    let digest = |key: &str| Token::parse(key, None).expect("a key").digest();
    for threads in [1, 2] {
        interleaved(&format!("hit, {threads} threads"), |which| {
            nanos(threads, HITS / threads, |thread, turn| {
                let digest = digest(&keys[place(thread, turn, TOKENS)]);
                assert!(caches[which].hit(&digest, now).is_some());
            })
        });
    }
    interleaved("hit without the digest, 2 threads", |which| {
        nanos(2, HITS / 2, |thread, turn| {
            assert!(caches[which].hit(&digests[place(thread, turn, TOKENS)], now).is_some());
        })
    });
    // As when one token is in every request.
    interleaved("hit of one token, 2 threads", |which| {
        nanos(2, HITS / 2, |_, _| assert!(caches[which].hit(&digests[0], now).is_some()))
    });
}

fn of_number(number: u64) -> TokenDigest {
    let words = [number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number, !number, 7];
    TokenDigest::from_bytes(&words.map(u64::to_be_bytes).concat()).expect("32 bytes")
}

/// How many of 100,000 answers find room, and what each takes; in a process of its own, which has given back nothing.
fn memory(which: usize, now: Now) {
    const MANY: u64 = 100_000;
    let before = resident();
    let answers = new(which);
    answers.mark_synced(now.uptime);
    for number in 0..MANY {
        answers.insert(&of_number(number), number.cast_signed(), &TEXT);
    }
    let there = (0..MANY).filter(|number| answers.hit(&of_number(*number), now).is_some()).count();
    let kib = resident() - before;
    println!("answers of 100,000 that are there\t{}\t{there}", NAMES[which]);
    println!("bytes each, of the process\t{}\t{}", NAMES[which], kib * 1024 / there);
}

fn main() {
    // The clocks are left out: they cost each the same.
    let now = Now { time: Timestamp::from_micros(0), uptime: Uptime::from_nanos(1) };
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    if let [which] = *numbers {
        return memory(which, now);
    }
    let keys: Vec<String> = (0..TOKENS).map(|_| Token::generate(None).expose().to_owned()).collect();
    let digests: Vec<TokenDigest> = keys.iter().map(|key| Token::parse(key, None).expect("a key").digest()).collect();
    let filled = |which| {
        let answers = new(which);
        answers.mark_synced(now.uptime);
        for (id, digest) in (0_i64..).zip(&digests) {
            answers.insert(digest, id, &TEXT);
        }
        answers
    };
    if let [which, count] = *numbers {
        let answers = filled(which);
        return (0..count).for_each(|turn| assert!(answers.hit(&digests[place(0, turn, TOKENS)], now).is_some()));
    }
    let caches = [0, 1, 2].map(filled);
    hits(&caches, &keys, &digests, now);
    // New ones, into a cache that is full.
    interleaved("insert, 2 threads", |which| {
        nanos(2, INSERTS / 2, |thread, turn| {
            let number = (thread * INSERTS + turn) as u64;
            caches[which].insert(&of_number(number), number.cast_signed(), &TEXT);
        })
    });
    for which in ["0", "1", "2"] {
        let itself = std::env::current_exe().expect("Linux");
        std::process::Command::new(itself).arg(which).status().expect("it runs");
    }
}
