//! The periodic work of a server: writes usage of tokens and clients and last logins, forgets old failures, purges dead
//! rows, counts the costs of password hashes and the tokens that metrics tell of, compares its clock with the database's,
//! reseals login tokens, and checkpoints SQLite's
//! log when nobody writes.

use std::time::Duration;

use actix_rt::task::JoinHandle;

use crate::domain::time::Stopwatch;
use crate::service::{Batches, Error, PurgeRound, ResealRound, Service};
use crate::store::{LockedRows, LogEmptied, Purge};

/// Starts all tasks. Each runs until it is aborted.
pub fn start(service: &Service) -> Vec<JoinHandle<()>> {
    let is_edge = service.as_edge().is_some();
    let service = || service.clone();
    if is_edge {
        return vec![actix_rt::spawn(keep_sweeping_limits(service()))];
    }
    vec![
        actix_rt::spawn(keep_flushing(service())),
        actix_rt::spawn(keep_purging(service())),
        actix_rt::spawn(keep_comparing_clock(service())),
        actix_rt::spawn(keep_counting_hash_costs(service())),
        actix_rt::spawn(keep_counting_expiring_and_unused(service())),
        actix_rt::spawn(keep_sweeping_limits(service())),
        actix_rt::spawn(keep_resealing(service())),
        actix_rt::spawn(keep_checkpointing(service())),
    ]
}

/// How often token usage and last logins are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

async fn keep_flushing(service: Service) {
    let mut clients_flushed = None;
    loop {
        actix_rt::time::sleep(FLUSH_INTERVAL).await;
        service.node.note_introspections();
        if let Err(error) = service.introspection.flush_client_usage_if_due(&mut clients_flushed).await {
            log::log!(error.level(), "clients' requests are not written yet: {error}");
        }
        if let Err(error) = service.introspection.flush_usage(LockedRows::Skip).await {
            log::log!(error.level(), "token usage is not written yet: {error}");
        }
        if let Err(error) = service.sign_in.flush_logins(LockedRows::Skip).await {
            log::log!(error.level(), "last logins are not written yet: {error}");
        }
    }
}

/// How long SQLite's log must be unchanged before it is checkpointed into the database file.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// How often a disk that refused a write is tried again, in case nobody else writes.
const DISK_INTERVAL: Duration = Duration::from_secs(5);

/// Checkpoints while nobody writes, so that SQLite's one file holds everything and a copy of it is a backup.
async fn keep_checkpointing(service: Service) {
    let mut before = None;
    let mut disk = Stopwatch::start();
    loop {
        actix_rt::time::sleep(IDLE_TIME).await;
        let log = service.node.sqlite_log_state();
        if log.is_some() && log == before {
            match service.node.checkpoint().await {
                Ok(LogEmptied::Done) => log::debug!("checkpoint of SQLite's log: emptied"),
                Ok(LogEmptied::InUse) => log::debug!("checkpoint of SQLite's log: in use"),
                Err(error) => log::log!(error.level(), "SQLite's log was not checkpointed: {error}"),
            }
        }
        before = log;
        if service.node.disk_refuses() && disk.elapsed() >= DISK_INTERVAL {
            disk = Stopwatch::start();
            if let Err(error) = service.node.try_disk().await {
                log::log!(error.level(), "the disk still refuses writes: {error}");
            }
        }
    }
}

/// A stopping server tries more than once to write what it has noted. It must not be lost because the database is busy
/// for a moment, nor because the row of another token or user is locked.
const SHUTDOWN_FLUSHES: [LockedRows; 3] = [LockedRows::Skip, LockedRows::Wait, LockedRows::Skip];

pub async fn flush_at_shutdown(service: &Service) {
    for (attempt, locked) in SHUTDOWN_FLUSHES.into_iter().enumerate() {
        // Each is written, even if another one fails.
        let usage = unwritten("tokens", service.introspection.flush_usage(locked).await);
        let logins = unwritten("users", service.sign_in.flush_logins(locked).await);
        let clients = unwritten("clients", service.introspection.flush_client_usage().await.map(|()| 0));
        let left: Vec<String> = [usage, logins, clients].into_iter().flatten().collect();
        if left.is_empty() {
            return;
        }
        let left = left.join("; ");
        if attempt + 1 == SHUTDOWN_FLUSHES.len() {
            return log::error!("usage or last logins were lost at shutdown: {left}");
        }
        log::warn!("usage or last logins are not written yet at shutdown: {left}");
        // Gives the database time to release the locks of this attempt.
        actix_rt::time::sleep(service.node.database_timeout() / 4).await;
    }
}

/// Why something is not written yet; `None` if everything is.
fn unwritten(rows: &str, flushed: Result<usize, Error>) -> Option<String> {
    match flushed {
        Ok(0) => None,
        Ok(locked) => Some(format!("the rows of {locked} {rows} are locked")),
        Err(error) => Some(error.to_string()),
    }
}

/// How often the counts of hash costs are read. Another node or an import may have written them.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);

async fn keep_counting_hash_costs(service: Service) {
    loop {
        if let Err(error) = service.counted_hashes.refresh().await {
            log::log!(error.level(), "the costs of password hashes were not counted: {error}");
        }
        actix_rt::time::sleep(COUNT_INTERVAL).await;
    }
}

/// How often tokens that end soon, or that nobody uses, are counted. After a count that took long the wait is at least
/// `TOKEN_COUNT_FACTOR` times as long, so that counting uses at most one percent of a connection.
const TOKEN_COUNT_INTERVAL: Duration = Duration::from_mins(10);
const TOKEN_COUNT_FACTOR: u32 = 100;

async fn keep_counting_expiring_and_unused(service: Service) {
    loop {
        let watch = Stopwatch::start();
        if let Err(error) = service.node.count_expiring_and_unused().await {
            log::log!(error.level(), "the tokens for the metrics were not counted: {error}");
        }
        actix_rt::time::sleep(TOKEN_COUNT_INTERVAL.max(watch.elapsed() * TOKEN_COUNT_FACTOR)).await;
    }
}

/// How often expired failures are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

async fn keep_sweeping_limits(service: Service) {
    loop {
        actix_rt::time::sleep(SWEEP_INTERVAL).await;
        service.sweep_limits();
    }
}

/// How often this node's clock is compared with the database's.
const CLOCK_INTERVAL: Duration = Duration::from_secs(2);

async fn keep_comparing_clock(service: Service) {
    loop {
        // Other parts report a database that does not answer.
        if let Err(error) = service.node.check_clock().await {
            log::debug!("the clock is not compared with the database's: {error}");
        }
        actix_rt::time::sleep(CLOCK_INTERVAL).await;
    }
}

/// How often the server looks for rows to purge, and the pause between two batches.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);
const PURGE_PAUSE: Duration = Duration::from_millis(20);

/// One kind of row after the other, so that a kind that cannot be purged does not hold up the others.
async fn keep_purging(service: Service) {
    loop {
        for what in Purge::ALL {
            if let Err(error) = purge_all(&service, what).await {
                log::log!(error.level(), "{what:?} were not purged: {error}");
            }
        }
        if let Err(error) = purge_changes(&service).await {
            log::log!(error.level(), "the change log was not purged: {error}");
        }
        if let Err(error) = service.node.note_time().await {
            log::log!(error.level(), "the time was not saved for the next start: {error}");
        }
        actix_rt::time::sleep(PURGE_INTERVAL).await;
    }
}

async fn purge_all(service: &Service, what: Purge) -> Result<(), Error> {
    let mut round = PurgeRound::of(what);
    while service.node.purge(&mut round).await? == Batches::More {
        actix_rt::time::sleep(PURGE_PAUSE).await;
    }
    Ok(())
}

async fn purge_changes(service: &Service) -> Result<(), Error> {
    let mut last = None;
    while service.node.purge_changes(&mut last).await? == Batches::More {
        actix_rt::time::sleep(PURGE_PAUSE).await;
    }
    Ok(())
}

/// How long the server waits before it looks again for login tokens sealed under an older secret key. After a round
/// that found none, the wait is at least `RESEAL_WAIT_FACTOR` times as long as the round took. `RESEAL_PAUSE` is the
/// pause after each batch.
const RESEAL_INTERVAL: Duration = Duration::from_secs(5);
const RESEAL_WAIT_FACTOR: u32 = 20;
const RESEAL_PAUSE: Duration = Duration::from_millis(20);

async fn keep_resealing(service: Service) {
    loop {
        let watch = Stopwatch::start();
        let resealed = reseal_all(&service).await.unwrap_or_else(|error| {
            log::log!(error.level(), "login tokens were not resealed: {error}");
            0
        });
        actix_rt::time::sleep(reseal_wait(watch.elapsed(), resealed)).await;
    }
}

/// The wait after a round that took this long and resealed this many login tokens. A round that resealed some may have
/// taken hours, and another node may have sealed tokens under the older key meanwhile.
fn reseal_wait(took: Duration, resealed: usize) -> Duration {
    if resealed > 0 { RESEAL_INTERVAL } else { RESEAL_INTERVAL.max(took * RESEAL_WAIT_FACTOR) }
}

/// Returns how many login tokens were resealed.
async fn reseal_all(service: &Service) -> Result<usize, Error> {
    if !service.login_tokens.is_reseal_due().await? {
        return Ok(0);
    }
    let mut round = ResealRound::default();
    while service.login_tokens.reseal(&mut round).await? == Batches::More {
        actix_rt::time::sleep(RESEAL_PAUSE).await;
    }
    if round.resealed > 0 {
        log::info!(rows = round.resealed; "resealed login tokens");
    }
    Ok(round.resealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_round_that_resealed_nothing_makes_the_next_one_wait_in_proportion() {
        assert_eq!(reseal_wait(Duration::from_hours(1), 1), RESEAL_INTERVAL);
        assert_eq!(reseal_wait(Duration::from_mins(1), 0), Duration::from_mins(20));
        assert_eq!(reseal_wait(Duration::from_millis(1), 0), RESEAL_INTERVAL);
    }
}
