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
    pending: Mutex<HashMap<i64, TokenUse>>,
}

impl Uses {
    /// Lets `token` show what is not written yet, so that a refreshed token does not expire in between.
    pub fn overlay(&self, token: &mut TokenFacts) {
        if let Some(pending) = self.lock().get(&token.id) {
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
        let token_use = pending.entry(token.id).or_insert(TokenUse {
            id: token.id,
            user_id: token.user_id,
            last_used_at: now,
            expires_at: None,
        });
        token_use.last_used_at = token_use.last_used_at.max(now);
        token_use.expires_at = token_use.expires_at.max(expires_at);
    }

    /// A user's uses that push an expiry out.
    fn refreshes_of(&self, user_id: i64) -> Vec<TokenUse> {
        let refreshes = |token_use: &&TokenUse| token_use.user_id == user_id && token_use.expires_at.is_some();
        self.lock().values().filter(refreshes).copied().collect()
    }

    fn take(&self, most: usize) -> Vec<TokenUse> {
        let pending = self.lock();
        let ids: Vec<i64> = pending.keys().take(most).copied().collect();
        ids.iter().filter_map(|id| pending.get(id).copied()).collect()
    }

    /// Forgets what was written, except where there was another use meanwhile.
    fn written(&self, uses: &[TokenUse]) {
        let mut pending = self.lock();
        for token_use in uses {
            if pending.get(&token_use.id) == Some(token_use) {
                pending.remove(&token_use.id);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, TokenUse>> {
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
    /// Writes the uses that push out the expiry of a user's tokens: what is about to be asked of the database must not
    /// take them for expired. They wait for a second at most, so there are few users' to look through.
    pub(super) async fn flush_refreshes(&self, user_id: i64) -> Result<(), Error> {
        if self.policy().token_auto_refresh {
            let uses = self.inner.uses.refreshes_of(user_id);
            if !uses.is_empty() {
                let batch = uses.clone();
                self.db(move |store| store.record_uses(&batch)).await?;
                self.inner.uses.written(&uses);
            }
        }
        Ok(())
    }

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
            let batch = uses.clone();
            self.db(move |store| store.record_uses(&batch)).await?;
            self.inner.uses.written(&uses);
            if uses.len() < BATCH {
                return Ok(());
            }
        }
    }
}
