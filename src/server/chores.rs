//! What a server does beside answering: it writes the uses of tokens and last logins, forgets failures, purges what is
//! long dead, counts what password hashes cost, looks whether its clock is right, and moves SQLite's log into the file when
//! nobody writes.

use std::time::Duration;

use actix_rt::task::JoinHandle;

use crate::domain::time::Stopwatch;
use crate::service::{Batches, Error, PurgeRound, ResealRound, Service};
use crate::store::{LockedRows, Purge};

/// Begins all of them; each goes on until it is aborted.
pub fn begin(service: &Service) -> [JoinHandle<()>; 7] {
    let service = || service.clone();
    [
        actix_rt::spawn(keep_flushing(service())),
        actix_rt::spawn(keep_purging(service())),
        actix_rt::spawn(keep_looking_at_clock(service())),
        actix_rt::spawn(keep_counting(service())),
        actix_rt::spawn(keep_sweeping(service())),
        actix_rt::spawn(keep_resealing(service())),
        actix_rt::spawn(keep_checkpointing(service())),
    ]
}

/// How long a use of a token waits for its writing.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

async fn keep_flushing(service: Service) {
    loop {
        actix_rt::time::sleep(FLUSH_INTERVAL).await;
        if let Err(error) = service.introspection.flush_uses(LockedRows::PassOver).await {
            log::log!(error.level(), "uses of tokens wait to be written: {error}");
        }
        if let Err(error) = service.sign_in.flush_logins(LockedRows::PassOver).await {
            log::log!(error.level(), "last logins wait to be written: {error}");
        }
    }
}

/// How long SQLite's log must have stayed as it is before it is moved into the file.
const REST: Duration = Duration::from_secs(1);

/// How often a disk that refused a write is tried, in case nobody else writes.
const DISK_INTERVAL: Duration = Duration::from_secs(5);

/// While nobody writes, everything is in SQLite's one file, so that a copy of it is a backup.
async fn keep_checkpointing(service: Service) {
    let mut before = None;
    let mut disk = Stopwatch::start();
    loop {
        actix_rt::time::sleep(REST).await;
        let log = service.node.log_state();
        if log.is_some() && log == before {
            match service.node.checkpoint().await {
                Ok(emptied) => log::debug!("the log at rest: {}", if emptied { "emptied" } else { "in use" }),
                Err(error) => log::log!(error.level(), "the log stays beside the database: {error}"),
            }
        }
        before = log;
        if service.node.disk_refuses() && disk.elapsed() >= DISK_INTERVAL {
            disk = Stopwatch::start();
            if let Err(error) = service.node.try_disk().await {
                log::log!(error.level(), "the disk was tried: {error}");
            }
        }
    }
}

/// A server that stops tries more than once to write what it has noted: a database that is busy for a moment must not
/// cost it, nor one row that somebody holds all the others.
const LAST_FLUSHES: [LockedRows; 3] = [LockedRows::PassOver, LockedRows::Wait, LockedRows::PassOver];

pub async fn flush_at_last(service: &Service) {
    for (attempt, locked) in LAST_FLUSHES.into_iter().enumerate() {
        let written = async {
            Ok((service.introspection.flush_uses(locked).await?, service.sign_in.flush_logins(locked).await?))
        };
        let left = match written.await {
            Ok((0, 0)) => return,
            Ok((tokens, users)) => format!("somebody holds the rows of {tokens} tokens and {users} users"),
            Err(error @ Error::Store(_)) if error.is_passing() => error.to_string(),
            Err(error) => return log::error!("the last uses of tokens were not written: {error}"),
        };
        if attempt + 1 == LAST_FLUSHES.len() {
            return log::error!("the last uses of tokens were not written: {left}");
        }
        log::warn!("the last uses of tokens wait to be written: {left}");
        // Until the database has given up what this attempt has locked.
        actix_rt::time::sleep(service.policy.database_timeout / 4).await;
    }
}

/// How often the newest count of hashes is read, which another node, or an import, may have written.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);

async fn keep_counting(service: Service) {
    loop {
        if let Err(error) = service.sign_in.refresh_hash_costs().await {
            log::log!(error.level(), "what password hashes cost is not counted: {error}");
        }
        actix_rt::time::sleep(COUNT_INTERVAL).await;
    }
}

/// How often failures that count no more are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

async fn keep_sweeping(service: Service) {
    loop {
        actix_rt::time::sleep(SWEEP_INTERVAL).await;
        service.sweep_limits();
    }
}

/// How often this node's clock is compared with the database's.
const CLOCK_INTERVAL: Duration = Duration::from_secs(2);

async fn keep_looking_at_clock(service: Service) {
    loop {
        // A database that does not answer is told of by others.
        if let Err(error) = service.node.look_at_clock().await {
            log::debug!("the clock is not compared with the database's: {error}");
        }
        actix_rt::time::sleep(CLOCK_INTERVAL).await;
    }
}

/// How often it is looked whether anything is to be purged, and the pause between two batches when there is.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);
const PURGE_PAUSE: Duration = Duration::from_millis(20);

/// One kind of row after the other, so that one that cannot be purged does not keep the others.
async fn keep_purging(service: Service) {
    loop {
        for what in Purge::ALL {
            if let Err(error) = purge_all(&service, what).await {
                log::log!(error.level(), "{what:?} wait to be purged: {error}");
            }
        }
        if let Err(error) = service.node.note_time().await {
            log::log!(error.level(), "the time is not kept for the next start: {error}");
        }
        actix_rt::time::sleep(PURGE_INTERVAL).await;
    }
}

async fn purge_all(service: &Service, what: Purge) -> Result<(), Error> {
    let mut round = PurgeRound::of(what);
    while service.node.purge(&mut round).await? == Batches::GoOn {
        actix_rt::time::sleep(PURGE_PAUSE).await;
    }
    Ok(())
}

/// How often it is looked for login tokens under an older secret key while there is one, at least so many times as long as
/// to look took; and the pause after each batch.
const RESEAL_INTERVAL: Duration = Duration::from_secs(5);
const RESEAL_REST: u32 = 20;
const RESEAL_PAUSE: Duration = Duration::from_millis(20);

async fn keep_resealing(service: Service) {
    loop {
        let watch = Stopwatch::start();
        if let Err(error) = reseal_all(&service).await {
            log::log!(error.level(), "login tokens wait to be sealed anew: {error}");
        }
        actix_rt::time::sleep(RESEAL_INTERVAL.max(watch.elapsed() * RESEAL_REST)).await;
    }
}

async fn reseal_all(service: &Service) -> Result<(), Error> {
    if !service.login_tokens.reseals().await? {
        return Ok(());
    }
    let mut round = ResealRound::default();
    while service.login_tokens.reseal(&mut round).await? == Batches::GoOn {
        actix_rt::time::sleep(RESEAL_PAUSE).await;
    }
    if round.resealed > 0 {
        log::info!(rows = round.resealed; "sealed login tokens anew");
    }
    Ok(())
}
