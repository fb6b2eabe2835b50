//! Uses of tokens, gathered in memory and written in batches: no request waits for a write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::domain::token::{TokenFacts, TokenKind};
use crate::service::{Error, Introspect, Policy};
use crate::store::{LockedRows, TokenUse};

/// How often a token's last use is written at most.
pub const USE_INTERVAL: Duration = Duration::from_mins(1);

/// Uses written in one transaction.
const BATCH: usize = 500;

/// How many tokens' uses are kept in memory at most: 15 MB of them. More come together only while the database answers
/// and cannot be written; then the uses of other tokens are lost, and not the node.
const MOST: usize = 200_000;

/// What is to be written, by token.
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
        if pending.len() >= MOST && !pending.contains_key(&token.id) {
            return;
        }
        let token_use = TokenUse { id: token.id, last_used_at: now, expires_at: None };
        let Pending { token_use, .. } =
            pending.entry(token.id).or_insert(Pending { user_id: token.user_id, token_use });
        token_use.last_used_at = token_use.last_used_at.max(now);
        token_use.expires_at = token_use.expires_at.max(expires_at);
    }

    fn all(&self) -> Vec<TokenUse> {
        self.lock().values().map(|pending| pending.token_use).collect()
    }

    /// Those that push the expiry of a user's tokens out.
    fn refreshes_of(&self, user_id: i64) -> Vec<TokenUse> {
        let pending = self.lock();
        let theirs = pending.values().filter(|pending| pending.user_id == user_id).map(|pending| pending.token_use);
        theirs.filter(|token_use| token_use.expires_at.is_some()).collect()
    }

    /// Forgets what was written, but for what was passed over, and except where there was another use meanwhile.
    fn written(&self, uses: &[TokenUse], passed_over: &[i64]) {
        let mut pending = self.lock();
        for token_use in uses.iter().filter(|token_use| !passed_over.contains(&token_use.id)) {
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

impl Introspect {
    /// Writes the uses noted so far; says of how many tokens they were passed over.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays noted.
    pub async fn flush_uses(&self, locked: LockedRows) -> Result<usize, Error> {
        let mut passed_over = 0;
        for batch in self.uses.all().chunks(BATCH) {
            passed_over += self.write_uses(batch, locked).await?;
        }
        Ok(passed_over)
    }

    /// Writes what uses on this node have earned a user's tokens; says whether there was any such. To be called before
    /// the database is asked which of the tokens live: one may look expired there.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays noted.
    pub(in crate::service) async fn settle_uses(&self, user_id: i64) -> Result<bool, Error> {
        let uses = self.uses.refreshes_of(user_id);
        for batch in uses.chunks(BATCH) {
            self.write_uses(batch, LockedRows::Wait).await?;
        }
        Ok(!uses.is_empty())
    }

    async fn write_uses(&self, uses: &[TokenUse], locked: LockedRows) -> Result<usize, Error> {
        let batch = uses.to_vec();
        let passed_over = self.database.run(move |store| store.record_uses(&batch, USE_INTERVAL, locked)).await?;
        self.uses.written(uses, &passed_over);
        Ok(passed_over.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: i64) -> TokenFacts {
        TokenFacts {
            id,
            user_id: id,
            name: None,
            scope: String::new(),
            hint: String::new(),
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            grace_until: None,
            revoked_by: None,
            client: None,
        }
    }

    #[test]
    fn there_is_an_end_to_what_is_kept_in_memory() {
        let (uses, now) = (Uses::default(), Timestamp::from_micros(1_700_000_000_000_000));
        let fill = i64::try_from(MOST).unwrap() + 7;
        for id in 0..fill {
            uses.note(&token(id), &Policy::default(), now);
        }
        assert_eq!(uses.all().len(), MOST);
        uses.note(&token(0), &Policy::default(), now.after(USE_INTERVAL));
        let later: Vec<TokenUse> = uses.all().into_iter().filter(|token_use| token_use.last_used_at > now).collect();
        assert_eq!(later.len(), 1, "those that are there go on");
        uses.written(&uses.all(), &[3, 4]);
        let mut left: Vec<i64> = uses.all().iter().map(|token_use| token_use.id).collect();
        left.sort_unstable();
        assert_eq!(left, [3, 4], "what was passed over stays");
        uses.note(&token(fill), &Policy::default(), now);
        assert_eq!(uses.all().len(), 3);
    }

    #[test]
    fn a_use_that_comes_while_the_last_one_is_written_is_not_forgotten() {
        let (uses, now) = (Uses::default(), Timestamp::from_micros(1_700_000_000_000_000));
        uses.note(&token(1), &Policy::default(), now);
        let written = uses.all();
        uses.note(&token(1), &Policy::default(), now.after(USE_INTERVAL));
        uses.written(&written, &[]);
        assert_eq!(
            uses.all().iter().map(|token_use| token_use.last_used_at).collect::<Vec<_>>(),
            [now.after(USE_INTERVAL)]
        );
    }
}
