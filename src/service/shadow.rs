//! What `jeton shadow` has found so far: counts, a line of the log for each difference, and the report.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::domain::shadow::{About, Answer, Difference, Explained, redacted};
use crate::domain::time::Clock;

/// How many kinds of differences are counted apart from each other.
const MAX_KINDS: usize = 200;

/// Where the kinds beyond these are counted.
const OTHER_KINDS: &str = "other kinds";

/// What was found.
pub struct ShadowReport {
    clock: Clock,
    file: Option<Mutex<File>>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    passed: u64,
    bad_gateway: u64,
    compared: u64,
    equal: u64,
    skipped: u64,
    unanswered: u64,
    explained: BTreeMap<&'static str, Kind>,
    unexplained: BTreeMap<String, Kind>,
}

/// How often there was a difference of a kind, and the id of a request with one.
struct Kind {
    count: u64,
    example: String,
}

/// Two answers that differ.
pub struct Differing<'a> {
    /// What was asked for.
    pub about: About,
    /// The request's id.
    pub id: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path, without keys and without the query.
    pub path: &'a str,
    /// Django's answer.
    pub django: &'a Answer,
    /// jeton's.
    pub jeton: &'a Answer,
    /// Why jeton does not take the token, or `None`.
    pub reason: Option<&'a str>,
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// Why, if that is to be expected.
    pub explained: Option<Explained>,
    /// Texts of the request that must not be shown.
    pub secrets: &'a [String],
}

impl ShadowReport {
    /// An empty report. Each difference becomes a line of `file`.
    #[must_use]
    pub fn new(clock: Clock, file: Option<File>) -> Self {
        Self { clock, file: file.map(Mutex::new), counts: Mutex::default() }
    }

    /// A request was passed on and answered by Django.
    pub fn passed(&self) {
        self.counts().passed += 1;
    }

    /// A request could not be passed on.
    pub fn bad_gateway(&self) {
        self.counts().bad_gateway += 1;
    }

    /// An answer was not compared, because too many already wait to be compared.
    pub fn skipped(&self) {
        self.counts().skipped += 1;
    }

    /// jeton gave no answer, or a 5xx.
    pub fn unanswered(&self, about: About, why: &str) {
        self.counts().unanswered += 1;
        log::warn!("shadow: {}: jeton does not answer: {why}", about.as_str());
    }

    /// The answers are equal.
    pub fn equal(&self) {
        let mut counts = self.counts();
        counts.compared += 1;
        counts.equal += 1;
    }

    /// The answers differ.
    pub fn different(&self, found: &Differing<'_>) {
        self.count(found);
        let about = found.about.as_str();
        let texts: Vec<String> = found
            .differences
            .iter()
            .map(
                |Difference { kind, django, jeton }| {
                    if kind.starts_with("status") { kind.clone() } else { format!("{kind}: {django} / {jeton}") }
                },
            )
            .collect();
        let level = if found.explained.is_some() { log::Level::Info } else { log::Level::Warn };
        log::log!(
            level,
            method = found.method,
            path = found.path,
            reason = found.reason,
            explained = found.explained.map(Explained::as_str);
            "shadow: {about}: {} (Django / jeton)",
            texts.join("; ")
        );
        self.write(found);
    }

    fn count(&self, found: &Differing<'_>) {
        let mut counts = self.counts();
        counts.compared += 1;
        if let Some(explained) = found.explained {
            add(&mut counts.explained, explained.as_str(), found.id);
            return;
        }
        for difference in &found.differences {
            let kind = format!("{}: {}", found.about.as_str(), difference.kind);
            let is_known = counts.unexplained.contains_key(&kind) || counts.unexplained.len() < MAX_KINDS;
            add(&mut counts.unexplained, if is_known { kind } else { OTHER_KINDS.to_owned() }, found.id);
        }
    }

    fn write(&self, found: &Differing<'_>) {
        let Some(file) = &self.file else { return };
        let shown = |answer: &Answer| {
            let body = answer.body.as_ref().map(|body| redacted(body, found.secrets));
            json!({ "status": answer.status, "body": body })
        };
        let differences: Vec<_> = found
            .differences
            .iter()
            .map(|Difference { kind, django, jeton }| json!({ "kind": kind, "django": django, "jeton": jeton }))
            .collect();
        let line = json!({
            "at": self.clock.now(),
            "request_id": found.id,
            "about": found.about.as_str(),
            "method": found.method,
            "path": found.path,
            "explained": found.explained.map(Explained::as_str),
            "reason": found.reason,
            "differences": differences,
            "django": shown(found.django),
            "jeton": shown(found.jeton),
        });
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One call, so that a line is whole even where two processes write.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            log::error!("shadow: the report cannot be written: {error}");
        }
    }

    /// Logs how much was found, and a line for each kind of difference.
    pub fn summary(&self) {
        let counts = self.counts();
        let different = counts.compared - counts.equal;
        let explained: u64 = counts.explained.values().map(|kind| kind.count).sum();
        log::info!(
            "shadow: {} requests passed on, {} not (502); {} answers compared: {} equal, {} different as expected, {} \
             different; {} not compared because too many waited, {} not answered by jeton",
            counts.passed,
            counts.bad_gateway,
            counts.compared,
            counts.equal,
            explained,
            different - explained,
            counts.skipped,
            counts.unanswered,
        );
        for (kind, Kind { count, example }) in &counts.unexplained {
            log::info!("shadow: {count} x {kind}, as in request {example}");
        }
        for (kind, Kind { count, example }) in &counts.explained {
            log::info!("shadow: {count} x expected: {kind}, as in request {example}");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add<K: Ord>(kinds: &mut BTreeMap<K, Kind>, kind: K, id: &str) {
    kinds.entry(kind).or_insert_with(|| Kind { count: 0, example: id.to_owned() }).count += 1;
}
