//! Seals login tokens again that were sealed under an older secret key: at their user's next login, and all others in
//! the background.

use crate::service::{Batches, Error, LoginTokens, Sealer};
use crate::store::{MetaKey, Seal, SealedToken, Store, StoreError};

/// Seals looked at by one statement, and replaced in one transaction.
const BATCH: u32 = 200;

/// How many sealed login tokens there are under each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealCounts {
    /// By the keys' order, the first one's first.
    pub by_key: Vec<u64>,
    /// Those that no key opens.
    pub unopenable: u64,
}

/// All seals, looked at batch by batch.
#[derive(Debug)]
pub struct ResealRound {
    after: i64,
    /// How many were sealed again so far.
    pub resealed: usize,
}

impl Default for ResealRound {
    fn default() -> Self {
        Self { after: i64::MIN, resealed: 0 }
    }
}

impl LoginTokens {
    /// Whether there may be anything to seal again: this node has older keys, and its first one is the database's. If
    /// nodes have different first keys, only those with the newest one replace seals, so that none is replaced back and
    /// forth.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reseals(&self) -> Result<bool, Error> {
        let Some(sealer) = self.sealer().filter(|sealer| sealer.has_older()) else { return Ok(false) };
        let current = self.database.run(|store| store.meta(MetaKey::SecretKeyCheck)).await?;
        Ok(current.as_deref() == Some(sealer.check_value()))
    }

    /// Processes one batch.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reseal(&self, round: &mut ResealRound) -> Result<Batches, Error> {
        let Some(sealer) = self.sealer() else { return Ok(Batches::AreOver) };
        let after = round.after;
        let (last, resealed) = self
            .database
            .run(move |store| {
                let seals = store.seals_after(after, BATCH)?;
                let last = seals.last().map(|seal| seal.user_id);
                let outdated: Vec<_> = seals.into_iter().filter_map(|seal| resealed(&sealer, seal)).collect();
                let done = if outdated.is_empty() { 0 } else { store.reseal(&outdated, sealer.check_value())? };
                Ok((last, done))
            })
            .await?;
        round.resealed += resealed;
        let Some(last) = last else { return Ok(Batches::AreOver) };
        round.after = last;
        Ok(Batches::GoOn)
    }

    /// Seals one token again that a login has just opened. A failure does not fail the login.
    pub(in crate::service) async fn reseal_one(&self, user_id: i64, row: &SealedToken) {
        let Some(sealer) = self.sealer() else { return };
        let seal = Seal { user_id, digest: row.digest, sealed: row.sealed.clone() };
        let Some(outdated) = resealed(&sealer, seal) else { return };
        if let Err(error) = self.database.run(move |store| store.reseal(&[outdated], sealer.check_value())).await {
            log::log!(error.level(), user_id = user_id; "cannot seal a login token again for now: {error}");
        }
    }
}

/// A seal under an older key, and the one to put in its place.
fn resealed(sealer: &Sealer, seal: Seal) -> Option<(Seal, Vec<u8>)> {
    let (token, place) = sealer.open(&seal.sealed, seal.user_id, &seal.digest)?;
    (place > 0).then(|| {
        let new = sealer.seal(&token, seal.user_id, &seal.digest);
        (seal, new)
    })
}

/// Counts the seals under each of these keys, and changes nothing. Without keys none opens.
///
/// # Errors
/// [`StoreError`].
pub fn count_seals(store: &Store, sealer: Option<&Sealer>) -> Result<SealCounts, StoreError> {
    let mut counts = SealCounts { by_key: vec![0; sealer.map_or(0, Sealer::keys)], unopenable: 0 };
    let mut after = i64::MIN;
    loop {
        let seals = store.seals_after(after, BATCH)?;
        let Some(last) = seals.last() else { return Ok(counts) };
        after = last.user_id;
        for seal in &seals {
            match sealer.and_then(|sealer| sealer.open(&seal.sealed, seal.user_id, &seal.digest)) {
                Some((_, place)) => counts.by_key[place] += 1,
                None => counts.unopenable += 1,
            }
        }
    }
}
