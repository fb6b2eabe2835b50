//! Counts which costs users' hashes have, so that the check of a name without a hash can cost as much as one of them: see
//! `domain/password/costs.rs`.
//!
//! The hashes are counted from time to time and not with each change: otherwise every new user and every replaced hash
//! would wait for the lock on the row of counts. The count is stored in `meta`; one node writes it and all nodes read
//! it, so that a name costs the same on each.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::password::{HashCosts, NameKey, PasswordHash};
use crate::domain::time::{Clock, Stopwatch, Timestamp, Uptime};
use crate::service::base::Base;
use crate::service::database::Database;
use crate::service::error::Error;
use crate::store::{MetaKey, Replaced, StoreError};

/// A count is repeated at this age.
const MAX_AGE: Duration = Duration::from_mins(10);
/// A count is not repeated before this many times the duration of the last one has passed. So counting uses at most one
/// percent of a connection.
const AGE_FACTOR: u32 = 100;

/// Users read by one statement, and the pause after it.
const BATCH: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(5);

/// How many users are sampled before a server answers its first request, if nothing was counted yet.
const SAMPLE_SIZE: u32 = 20_000;

/// Counted costs, as stored in `meta`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Count {
    counted_at: i64,
    took_ms: u64,
    /// How many users have each cost. The key is a dummy hash of that cost.
    costs: BTreeMap<String, u32>,
}

impl Count {
    /// Invalid text, which somebody has edited by hand, is read as no count, so that the hashes are counted again.
    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// `seen`: when this node saw this count appear, if it did. Otherwise the age follows from `counted_at`, which
    /// another node's clock may have written. If that were used always, two nodes whose clocks disagree would count in
    /// turns for ever.
    fn is_due(&self, seen: Option<Uptime>, now: Timestamp, uptime: Uptime) -> bool {
        let age = match seen {
            Some(seen) if self.counted_at != 0 => uptime.since(seen),
            _ => now.distance(Timestamp::from_micros(self.counted_at)),
        };
        age >= MAX_AGE.max(Duration::from_millis(self.took_ms) * AGE_FACTOR)
    }
}

/// Counts the costs of users' hashes, and holds the newest count that this node has read.
pub struct CountedHashes {
    database: Database,
    clock: Clock,
    key: NameKey,
    max_memory_kib: u32,
    newest: RwLock<Arc<Newest>>,
}

#[derive(Default)]
struct Newest {
    text: String,
    costs: HashCosts,
    /// When this node saw it appear. `None`: it was there already.
    seen: Option<Uptime>,
}

impl CountedHashes {
    /// `max_memory_kib`: the most memory that a password check may use on this node.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(in crate::service) fn open(base: &Base, max_memory_kib: u32) -> Result<Self, StoreError> {
        let Base { database, clock, .. } = base;
        let store = &database.store;
        let key = match store.meta(MetaKey::NameKey)? {
            Some(key) => key,
            None => store.meta_or_insert(MetaKey::NameKey, &NameKey::generate().to_hex())?,
        };
        let key = NameKey::from_hex(&key)
            .ok_or_else(|| StoreError::Unusable("the name_key in the table meta is not 64 hex digits".into()))?;
        let (database, clock) = (database.clone(), clock.clone());
        let counted = Self { database, clock, key, max_memory_kib, newest: RwLock::default() };
        counted.adopt(store.meta(MetaKey::HashCosts)?.unwrap_or_default(), None);
        Ok(counted)
    }

    /// Whether `key`, from the `meta` of some database, is the name key of this one.
    pub(in crate::service) fn has_name_key(&self, key: Option<&str>) -> bool {
        key == Some(self.key.to_hex().as_str())
    }

    /// The dummy hash for `name`. Its cost is one that users' hashes have. A name always gets the same one while these
    /// costs do not change. Costs that this node does not allow are counted for other nodes, but not used here.
    pub(in crate::service) fn dummy_for(&self, name: &str, current: &PasswordHash) -> PasswordHash {
        self.newest().costs.clone().within_memory(self.max_memory_kib).dummy_for(name, current, &self.key)
    }

    fn newest(&self) -> Arc<Newest> {
        Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn adopt(&self, text: String, seen: Option<Uptime>) {
        let costs = HashCosts::of(Count::read(&text).costs);
        self.set(Newest { text, costs, seen });
    }

    fn set(&self, newest: Newest) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(newest);
    }

    /// Reads the newest count, and counts again when it is old. If there are several nodes, only one of them counts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn refresh(&self) -> Result<(), Error> {
        let text = self.read().await?;
        let (seen, clock) = (self.newest().seen, &self.clock);
        let is_due = Count::read(&text).is_due(seen, clock.now(), clock.uptime());
        if is_due { self.count(text).await } else { Ok(()) }
    }

    /// Counts again after an import. If this fails, a server does so when the count is due again.
    pub(in crate::service) async fn count_imported(&self) {
        let counted = async { self.count(self.read().await?).await };
        if let Err(error) = counted.await {
            log::log!(error.level(), "the costs of password hashes were not counted: {error}");
        }
    }

    /// Samples some users if nothing was counted yet. This must be done before the first login, so that its dummy hash
    /// costs what users' hashes cost.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn estimate(&self) -> Result<(), Error> {
        if !self.newest().text.is_empty() {
            return Ok(());
        }
        let hashes = self.database.run(|store| store.hashes(None, SAMPLE_SIZE)).await?;
        let mut costs = HashCosts::default();
        for (_, hash) in &hashes {
            costs.add(hash);
        }
        self.set(Newest { costs: costs.most_common(), ..Newest::default() });
        Ok(())
    }

    async fn read(&self) -> Result<String, Error> {
        let text = self.database.run(|store| store.meta(MetaKey::HashCosts)).await?.unwrap_or_default();
        if !text.is_empty() && text != self.newest().text {
            self.adopt(text.clone(), Some(self.clock.uptime()));
        }
        Ok(text)
    }

    /// Counts, if `old` is still the newest count. It first writes its start time as a claim, so that nobody else
    /// counts meanwhile. A node whose claim was replaced discards its result.
    async fn count(&self, old: String) -> Result<(), Error> {
        let (watch, now, begun) = (Stopwatch::start(), self.clock.now(), self.clock.uptime());
        let so_far = to_map(&self.newest().costs);
        let claim = Count { counted_at: now.as_micros(), took_ms: Count::read(&old).took_ms, costs: so_far };
        let Some(claimed) = self.replace(old, &claim).await? else { return Ok(()) };
        let (mut costs, mut last) = (HashCosts::default(), None);
        loop {
            let hashes = self.database.run(move |store| store.hashes(last, BATCH)).await?;
            for (_, hash) in &hashes {
                costs.add(hash);
            }
            let Some((id, _)) = hashes.last() else { break };
            last = Some(*id);
            tokio::time::sleep(PAUSE).await;
        }
        let took_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let count = Count { counted_at: now.as_micros(), took_ms, costs: to_map(&costs.most_common()) };
        log::debug!(costs = count.costs.len(), ms = took_ms; "counted the costs of password hashes");
        if let Some(text) = self.replace(claimed, &count).await? {
            self.adopt(text, Some(begun));
        }
        Ok(())
    }

    /// Replaces `old` by `new`, and returns the new text; `None` if somebody else replaced it first.
    async fn replace(&self, old: String, new: &Count) -> Result<Option<String>, Error> {
        let text = new.to_text();
        let wanted = text.clone();
        let replaced = self
            .database
            .run(move |store| {
                if old.is_empty() {
                    return Ok(store.meta_or_insert(MetaKey::HashCosts, &wanted)? == wanted);
                }
                Ok(store.replace_meta(MetaKey::HashCosts, &old, &wanted)? == Replaced::Done)
            })
            .await?;
        Ok(replaced.then_some(text))
    }
}

fn to_map(costs: &HashCosts) -> BTreeMap<String, u32> {
    costs.iter().map(|(dummy, users)| (dummy.to_owned(), users)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_whose_clocks_disagree_do_not_count_in_turns() {
        let (counted_at, minutes) = (1_750_000_000_000_000, |minutes| Duration::from_mins(minutes));
        let count = Count { counted_at, ..Count::default() };
        let (now, start) = (Timestamp::from_micros(counted_at), Uptime::from_nanos(7));
        for wrong in [now, now.after(minutes(15)), now.before(minutes(15))] {
            assert!(!count.is_due(Some(start), wrong, start.after(minutes(9))), "the node saw it appear");
            assert!(count.is_due(Some(start), wrong, start.after(minutes(10))));
        }
        assert!(!count.is_due(None, now.after(minutes(9)), start), "the date of an older count is used");
        assert!(
            count.is_due(None, now.after(minutes(10)), start) && count.is_due(None, now.before(minutes(10)), start)
        );
        assert!(Count::default().is_due(Some(start), now, start), "invalid text");
    }
}
