//! Uses of tokens, gathered in memory and written in batches: no request waits for a write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Error, Policy, Service};
use crate::domain::time::Timestamp;
use crate::domain::token::{TokenFacts, TokenKind};
use crate::store::TokenUse;

/// How often a token's last use is written at most.
pub const USE_INTERVAL: Duration = Duration::from_mins(1);

/// Uses written in one transaction.
const BATCH: usize = 500;

/// What is to be written, by token. Beyond the first few seconds of an outage it cannot grow past the tokens in use.
#[derive(Default)]
pub struct Uses {
    pending: Mutex<HashMap<i64, Pending>>,
}

#[derive(Clone, Copy)]
struct Pending {
    user_id: i64,
    token_use: TokenUse,
}

impl Uses {
    /// Lets `token` show what is not written yet, so that a refreshed token does not expire in between.
    pub fn overlay(&self, token: &mut TokenFacts) {
        if let Some(Pending { token_use: pending, .. }) = self.lock().get(&token.id) {
            token.last_used_at = token.last_used_at.max(Some(pending.last_used_at));
            if token.expires_at.is_some() {
                token.expires_at = token.expires_at.max(pending.expires_at);
            }
        }
    }

    /// Notes a use of a live token, unless one was noted lately and its expiry need not move.
    pub fn note(&self, token: &TokenFacts, policy: &Policy, now: Timestamp) {
        let expires_at = refreshed(token, policy, now);
        let lately = token.last_used_at.is_some_and(|last| now.since(last) < USE_INTERVAL && last <= now);
        if lately && expires_at.is_none() {
            return;
        }
        let mut pending = self.lock();
        let token_use = TokenUse { id: token.id, last_used_at: now, expires_at: None };
        let Pending { token_use, .. } =
            pending.entry(token.id).or_insert(Pending { user_id: token.user_id, token_use });
        token_use.last_used_at = token_use.last_used_at.max(now);
        token_use.expires_at = token_use.expires_at.max(expires_at);
    }

    fn take(&self, most: usize) -> Vec<TokenUse> {
        let pending = self.lock();
        pending.values().take(most).map(|pending| pending.token_use).collect()
    }

    /// Those that push the expiry of a user's tokens out.
    fn refreshes_of(&self, user_id: i64) -> Vec<TokenUse> {
        let pending = self.lock();
        let theirs = pending.values().filter(|pending| pending.user_id == user_id).map(|pending| pending.token_use);
        theirs.filter(|token_use| token_use.expires_at.is_some()).collect()
    }

    /// Forgets what was written, except where there was another use meanwhile.
    fn written(&self, uses: &[TokenUse]) {
        let mut pending = self.lock();
        for token_use in uses {
            if pending.get(&token_use.id).is_some_and(|pending| pending.token_use == *token_use) {
                pending.remove(&token_use.id);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the next use of a token must be noted: until then it may be answered from the cache.
pub fn next(token: &TokenFacts, policy: &Policy, now: Timestamp) -> Timestamp {
    let last = token.last_used_at.map_or(now, |last| last.min(now)).after(USE_INTERVAL);
    refresh_at(token, policy).map_or(last, |refresh| last.min(refresh))
}

/// The new expiry that a use earns (django-rest-knox, `knox/auth.py::renew_token`): now and the TTL more, never past
/// the token's greatest age, and only when that moves it by more than the least interval. Only login tokens slide.
fn refreshed(token: &TokenFacts, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let (ttl, latest) = slides(token, policy)?;
    let wanted = latest.min(now.after(ttl));
    (wanted > token.expires_at?.after(policy.token_min_refresh_interval)).then_some(wanted)
}

/// From when on a use earns a new expiry; `None`: never again.
fn refresh_at(token: &TokenFacts, policy: &Policy) -> Option<Timestamp> {
    let (ttl, latest) = slides(token, policy)?;
    let moved = token.expires_at?.after(policy.token_min_refresh_interval);
    (latest > moved).then(|| moved.before(ttl))
}

/// How far each use pushes a token's expiry, and the moment past which none does.
fn slides(token: &TokenFacts, policy: &Policy) -> Option<(Duration, Timestamp)> {
    let (Some(ttl), true, TokenKind::Login) = (policy.token_ttl, policy.token_auto_refresh, token.kind()) else {
        return None;
    };
    Some((ttl, policy.token_max_ttl.map_or(Timestamp::NEVER, |age| token.created_at.after(age))))
}

impl Service {
    /// Writes the uses noted so far.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays noted.
    pub async fn flush_uses(&self) -> Result<(), Error> {
        loop {
            let uses = self.inner.uses.take(BATCH);
            if uses.is_empty() {
                return Ok(());
            }
            self.write_uses(&uses).await?;
            if uses.len() < BATCH {
                return Ok(());
            }
        }
    }

    /// Writes what uses on this node have earned a user's tokens; says whether there was any such. To be called before
    /// the database is asked which of the tokens live: one may look expired there.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays noted.
    pub(super) async fn settle_uses(&self, user_id: i64) -> Result<bool, Error> {
        let uses = self.inner.uses.refreshes_of(user_id);
        for batch in uses.chunks(BATCH) {
            self.write_uses(batch).await?;
        }
        Ok(!uses.is_empty())
    }

    async fn write_uses(&self, uses: &[TokenUse]) -> Result<(), Error> {
        let batch = uses.to_vec();
        self.db(move |store| store.record_uses(&batch)).await?;
        self.inner.uses.written(uses);
        Ok(())
    }
}
