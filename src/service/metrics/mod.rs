//! The metrics, for Prometheus. Names and labels are part of the interface. No key, username or address is a label.

mod clock;
mod tokens;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::reasons::Reason;
use crate::logging::LogQueue;
use clock::ClockMetrics;
use tokens::TokenMetrics;

/// The number of results of an introspection: active, and each reason why a token is inactive.
const RESULTS: usize = 1 + Reason::ALL.len();

/// One worker's own counts of answers from the cache. No other thread writes them, so that counting is cheap at
/// hundreds of thousands a second. They fill a cache line, so that workers do not slow each other down.
#[derive(Default)]
#[repr(align(64))]
pub struct WorkerCounts {
    hits: [AtomicU64; RESULTS],
}

impl WorkerCounts {
    /// Records an introspection that was answered from the cache.
    pub fn record_hit(&self, reason: Option<Reason>) {
        if let Some(count) = self.hits.get(result_index(reason)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn result_index(reason: Option<Reason>) -> usize {
    reason.and_then(|reason| Reason::ALL.iter().position(|one| *one == reason)).map_or(0, |at| at + 1)
}

fn result_label(reason: Option<Reason>) -> &'static str {
    reason.map_or("active", Reason::as_str)
}

/// How many introspections had each result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results([u64; RESULTS]);

impl Results {
    /// How many tokens were active.
    #[must_use]
    pub const fn active(&self) -> u64 {
        self.0[0]
    }

    /// How many tokens were inactive, for each reason.
    pub fn inactive(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.0[1..].iter().copied())
    }

    /// What was added since an earlier reading.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_sub(earlier.0[at])))
    }

    #[cfg(test)]
    pub(super) fn of_active(active: u64) -> Self {
        Self(std::array::from_fn(|at| if at == 0 { active } else { 0 }))
    }
}

/// All metrics.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    introspections: IntCounterVec,
    hits: IntCounter,
    misses: IntCounter,
    changes: IntCounter,
    sync_age: Gauge,
    lookups: IntCounter,
    looked_up: IntCounter,
    logins: IntCounterVec,
    log_lines_dropped: IntCounter,
    ready: GaugeVec,
    log_lines: OnceLock<LogQueue>,
    pub(super) clock: ClockMetrics,
    pub(super) tokens: TokenMetrics,
    workers: Mutex<Workers>,
}

/// Values that are read only when the metrics are scraped.
pub struct Sample {
    /// How many changes the cache has applied.
    pub changes_applied: u64,
    /// The age of the last sync; `None` before the first.
    pub sync_age: Option<Duration>,
    /// Whether the node is ready, and whether each part works.
    pub ready: Vec<(&'static str, bool)>,
}

/// The counts of all workers, and how much of them the counters include already.
#[derive(Default)]
struct Workers {
    counts: Vec<Arc<WorkerCounts>>,
    gathered: [u64; RESULTS],
}

impl Metrics {
    /// # Panics
    /// When a metric's name is invalid or used twice, which shows at the first start.
    #[must_use]
    pub fn new() -> Self {
        let counter = |name, help| IntCounter::new(name, help).expect("a valid name");
        let counters = |name, help, label| IntCounterVec::new(Opts::new(name, help), &[label]).expect("a valid name");
        let seconds = vec![0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5];
        let requests = HistogramOpts::new(
            "jeton_request_seconds",
            "Duration of requests by route and status, without requests that the fast lane answered",
        )
        .buckets(seconds);
        let registry = Registry::new();
        let metrics = Self {
            clock: ClockMetrics::new(&registry),
            tokens: TokenMetrics::new(&registry),
            registry,
            requests: HistogramVec::new(requests, &["route", "status"]).expect("a valid name"),
            introspections: counters("jeton_introspections_total", "Introspected tokens by result", "result"),
            hits: counter("jeton_cache_hits_total", "Introspections answered from the cache"),
            misses: counter("jeton_cache_misses_total", "Introspections that had to ask the database"),
            changes: counter(
                "jeton_changes_heard_total",
                "Changes of users, tokens and clients that were received; a node receives its own changes twice",
            ),
            sync_age: Gauge::new(
                "jeton_cache_proof_age_seconds",
                "Time since the last moment at which all earlier changes are known to have been received; +Inf: none yet",
            )
            .expect("a valid name"),
            lookups: counter("jeton_lookup_statements_total", "Statements that looked up tokens"),
            looked_up: counter("jeton_lookup_tokens_total", "Tokens that these statements asked for"),
            logins: counters("jeton_logins_total", "Logins by result", "result"),
            log_lines_dropped: counter(
                "jeton_log_lines_dropped_total",
                "Lines of the log that were dropped, because they were not read in time",
            ),
            ready: GaugeVec::new(
                Opts::new("jeton_ready", "As /readyz: 1 while the node is ready, and for each part that works; otherwise 0"),
                &["part"],
            )
            .expect("a valid name"),
            log_lines: OnceLock::new(),
            workers: Mutex::default(),
        };
        for result in [None].into_iter().chain(Reason::ALL.map(Some)) {
            metrics.introspections.with_label_values(&[result_label(result)]);
        }
        let all: [Box<dyn prometheus::core::Collector>; 11] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.introspections.clone()),
            Box::new(metrics.hits.clone()),
            Box::new(metrics.misses.clone()),
            Box::new(metrics.changes.clone()),
            Box::new(metrics.sync_age.clone()),
            Box::new(metrics.lookups.clone()),
            Box::new(metrics.looked_up.clone()),
            Box::new(metrics.logins.clone()),
            Box::new(metrics.log_lines_dropped.clone()),
            Box::new(metrics.ready.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector).expect("each name is registered once");
        }
        metrics
    }

    /// A set of counts for one more worker.
    #[must_use]
    pub fn worker(&self) -> Arc<WorkerCounts> {
        let counts = Arc::<WorkerCounts>::default();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).counts.push(Arc::clone(&counts));
        counts
    }

    /// Also counts dropped lines of the log from now on.
    pub fn count_dropped(&self, lines: LogQueue) {
        // There is one log.
        let _ = self.log_lines.set(lines);
    }

    /// Records a request that was answered after `seconds`.
    pub fn request(&self, route: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[route, &status.to_string()]).observe(seconds);
    }

    /// Records an introspection that was answered from the cache.
    pub(super) fn record_hit(&self, reason: Option<Reason>) {
        self.hits.inc();
        self.introspections.with_label_values(&[result_label(reason)]).inc();
    }

    /// Records an introspection that was not answered from the cache.
    pub(super) fn record_miss(&self, reason: Option<Reason>) {
        // Malformed text causes no lookup.
        if reason != Some(Reason::Malformed) {
            self.misses.inc();
        }
        self.introspections.with_label_values(&[result_label(reason)]).inc();
    }

    /// Records a statement that looked up this many tokens.
    pub(super) fn record_lookup(&self, tokens: usize) {
        self.lookups.inc();
        self.looked_up.inc_by(tokens as u64);
    }

    /// How many introspections had each result since the start.
    pub(super) fn results(&self) -> Results {
        // Locked, so that no scrape moves counts meanwhile.
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let labels: [Option<Reason>; RESULTS] =
            std::array::from_fn(|at| at.checked_sub(1).and_then(|at| Reason::ALL.get(at).copied()));
        Results(std::array::from_fn(|at| {
            let gathered = self.introspections.with_label_values(&[result_label(labels[at])]).get();
            let sum: u64 = workers.counts.iter().map(|counts| counts.hits[at].load(Ordering::Relaxed)).sum();
            gathered + sum.saturating_sub(workers.gathered[at])
        }))
    }

    /// Records the result of a login.
    pub(super) fn login(&self, result: &str) {
        self.logins.with_label_values(&[result]).inc();
    }

    /// Everything, in Prometheus' text format.
    pub(super) fn text(&self, sample: &Sample) -> String {
        self.gather(sample);
        for (part, works) in &sample.ready {
            self.ready.with_label_values(&[part]).set(f64::from(u8::from(*works)));
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("the metrics are text")
    }

    fn gather(&self, sample: &Sample) {
        // Locked throughout, so that two scrapes at once count nothing twice.
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, result) in [None].into_iter().chain(Reason::ALL.map(Some)).enumerate() {
            let sum: u64 = workers.counts.iter().map(|counts| counts.hits[at].load(Ordering::Relaxed)).sum();
            let new = sum.saturating_sub(workers.gathered[at]);
            workers.gathered[at] = sum;
            self.hits.inc_by(new);
            self.introspections.with_label_values(&[result_label(result)]).inc_by(new);
        }
        self.changes.inc_by(sample.changes_applied.saturating_sub(self.changes.get()));
        let dropped = self.log_lines.get().map_or(0, LogQueue::dropped);
        self.log_lines_dropped.inc_by(dropped.saturating_sub(self.log_lines_dropped.get()));
        self.sync_age.set(sample.sync_age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
