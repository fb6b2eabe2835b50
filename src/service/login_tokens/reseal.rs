//! Reseals login tokens that were sealed under an older secret key: each at its user's next login, and all others in
//! the background.

use crate::service::{Batches, Error, LoginTokens, Sealer};
use crate::store::{MetaKey, Reseal, Seal, SealedToken, Store, StoreError};

/// How many seals one statement reads and one transaction replaces.
const BATCH: u32 = 200;

/// How many sealed login tokens there are under each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealCounts {
    /// In the order of the keys: the current one first.
    pub by_key: Vec<u64>,
    /// Seals that no key opens.
    pub unopenable: u64,
}

/// One pass over all seals, batch by batch.
#[derive(Debug)]
pub struct ResealRound {
    after: i64,
    /// How many were resealed so far.
    pub resealed: usize,
}

impl Default for ResealRound {
    fn default() -> Self {
        Self { after: i64::MIN, resealed: 0 }
    }
}

impl LoginTokens {
    /// Whether there may be anything to reseal: this node has older keys, and its first one is the database's current
    /// one. If nodes have different first keys, only those with the newest one reseal. Otherwise seals would be
    /// replaced back and forth.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_reseal_due(&self) -> Result<bool, Error> {
        let Some(sealer) = self.sealer().filter(|sealer| sealer.has_older()) else { return Ok(false) };
        let current = self.database.run(|store| store.meta(MetaKey::SecretKeyCheck)).await?;
        Ok(current.as_deref() == Some(sealer.check_value()))
    }

    /// Processes one batch.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reseal(&self, round: &mut ResealRound) -> Result<Batches, Error> {
        let Some(sealer) = self.sealer() else { return Ok(Batches::Done) };
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
        let Some(last) = last else { return Ok(Batches::Done) };
        round.after = last;
        Ok(Batches::More)
    }

    /// Reseals one token that a login has just opened. A failure does not fail the login.
    pub(in crate::service) async fn reseal_one(&self, user_id: i64, row: &SealedToken) {
        let Some(sealer) = self.sealer() else { return };
        let seal = Seal { user_id, digest: row.digest, sealed: row.sealed.clone() };
        let Some(outdated) = resealed(&sealer, seal) else { return };
        if let Err(error) = self.database.run(move |store| store.reseal(&[outdated], sealer.check_value())).await {
            log::log!(error.level(), user_id = user_id; "cannot reseal a login token for now: {error}");
        }
    }
}

/// The replacement of a seal under an older key; `None` for other seals.
fn resealed(sealer: &Sealer, old: Seal) -> Option<Reseal> {
    let opened = sealer.open(&old.sealed, old.user_id, &old.digest)?;
    opened.is_outdated().then(|| Reseal { sealed: sealer.seal(&opened.token, old.user_id, &old.digest), old })
}

/// Counts the seals under each of these keys. Without keys all count as unopenable.
///
/// # Errors
/// [`StoreError`].
pub fn count_seals(store: &Store, sealer: Option<&Sealer>) -> Result<SealCounts, StoreError> {
    let mut counts = SealCounts { by_key: vec![0; sealer.map_or(0, Sealer::key_count)], unopenable: 0 };
    let mut after = i64::MIN;
    loop {
        let seals = store.seals_after(after, BATCH)?;
        let Some(last) = seals.last() else { return Ok(counts) };
        after = last.user_id;
        for seal in &seals {
            match sealer.and_then(|sealer| sealer.open(&seal.sealed, seal.user_id, &seal.digest)) {
                Some(opened) => counts.by_key[opened.position] += 1,
                None => counts.unopenable += 1,
            }
        }
    }
}
