//! The periodic work of a server: writes token usage and last logins, forgets old failures, purges dead rows, counts
//! the costs of password hashes, compares its clock with the database's, reseals login tokens, and checkpoints SQLite's
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
        actix_rt::spawn(keep_sweeping_limits(service())),
        actix_rt::spawn(keep_resealing(service())),
        actix_rt::spawn(keep_checkpointing(service())),
    ]
}

/// How often token usage and last logins are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

async fn keep_flushing(service: Service) {
    loop {
        actix_rt::time::sleep(FLUSH_INTERVAL).await;
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
        let log = service.node.log_state();
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

/// A stopping server tries more than once to write what it has noted. A database that is busy for a moment must not
/// lose it, and one locked row must not lose the others.
const SHUTDOWN_FLUSHES: [LockedRows; 3] = [LockedRows::Skip, LockedRows::Wait, LockedRows::Skip];

pub async fn flush_at_shutdown(service: &Service) {
    for (attempt, locked) in SHUTDOWN_FLUSHES.into_iter().enumerate() {
        let written = async {
            Ok((service.introspection.flush_usage(locked).await?, service.sign_in.flush_logins(locked).await?))
        };
        let left = match written.await {
            Ok((0, 0)) => return,
            Ok((tokens, users)) => format!("the rows of {tokens} tokens and {users} users are locked"),
            Err(error @ Error::Store(_)) if error.is_transient() => error.to_string(),
            Err(error) => return log::error!("token usage or last logins were lost at shutdown: {error}"),
        };
        if attempt + 1 == SHUTDOWN_FLUSHES.len() {
            return log::error!("token usage or last logins were lost at shutdown: {left}");
        }
        log::warn!("token usage or last logins are not written yet at shutdown: {left}");
        // Gives the database time to release the locks of this attempt.
        actix_rt::time::sleep(service.node.database_timeout() / 4).await;
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

/// How long the server waits before it looks again for login tokens sealed under an older secret key. The wait is at
/// least `RESEAL_PAUSE_FACTOR` times as long as the last look took. `RESEAL_PAUSE` is the pause after each batch.
const RESEAL_INTERVAL: Duration = Duration::from_secs(5);
const RESEAL_PAUSE_FACTOR: u32 = 20;
const RESEAL_PAUSE: Duration = Duration::from_millis(20);

async fn keep_resealing(service: Service) {
    loop {
        let watch = Stopwatch::start();
        if let Err(error) = reseal_all(&service).await {
            log::log!(error.level(), "login tokens were not resealed: {error}");
        }
        actix_rt::time::sleep(RESEAL_INTERVAL.max(watch.elapsed() * RESEAL_PAUSE_FACTOR)).await;
    }
}

async fn reseal_all(service: &Service) -> Result<(), Error> {
    if !service.login_tokens.is_reseal_due().await? {
        return Ok(());
    }
    let mut round = ResealRound::default();
    while service.login_tokens.reseal(&mut round).await? == Batches::More {
        actix_rt::time::sleep(RESEAL_PAUSE).await;
    }
    if round.resealed > 0 {
        log::info!(rows = round.resealed; "resealed login tokens");
    }
    Ok(())
}
