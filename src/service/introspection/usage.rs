//! Usage of tokens, collected in memory and written in batches, so that no request waits for a write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::domain::token::{TokenFacts, TokenKind, UsedBy};
use crate::service::{Error, Introspect, Policy};
use crate::store::{LockedRows, TokenUse};

/// How often a token's last use is written at most.
pub const USE_INTERVAL: Duration = Duration::from_mins(1);

/// Rows written in one transaction.
const BATCH: usize = 500;

/// How many tokens' usage is held in memory at most: some 25 MB, with ids of clients of usual length. The limit is reached only while the database can be read
/// but not written. Then the usage of further tokens is lost.
const MAX_PENDING: usize = 200_000;

/// Usage that is not yet written, by token id.
#[derive(Default)]
pub struct PendingUsage {
    pending: Mutex<HashMap<i64, Pending>>,
}

struct Pending {
    user_id: i64,
    token_use: TokenUse,
}

impl PendingUsage {
    /// Applies pending usage to `token`, so that a token whose expiry was extended does not look expired before
    /// that is written.
    pub fn apply_pending(&self, token: &mut TokenFacts) {
        if let Some(Pending { token_use: pending, .. }) = self.lock().get(&token.id) {
            if token.last_used_at < Some(pending.last_used_at) {
                token.last_used_at = Some(pending.last_used_at);
                token.last_used_by = Some(pending.last_used_by.clone());
            }
            if token.expires_at.is_some() {
                token.expires_at = token.expires_at.max(pending.expires_at);
            }
        }
    }

    /// Records a use of a live token, unless one was recorded recently and its expiry need not change. Who uses it is no
    /// reason to record: of the users of a minute the first one is kept.
    pub fn note(&self, token: &TokenFacts, used_by: &UsedBy, policy: &Policy, now: Timestamp) {
        let expires_at = extended_expiry(token, policy, now);
        let is_recent = token.last_used_at.is_some_and(|last| now.since(last) < USE_INTERVAL && last <= now);
        if is_recent && expires_at.is_none() {
            return;
        }
        let mut pending = self.lock();
        if pending.len() >= MAX_PENDING && !pending.contains_key(&token.id) {
            return;
        }
        let Pending { token_use, .. } = pending.entry(token.id).or_insert_with(|| {
            let last_used_by = used_by.clone();
            let token_use = TokenUse { id: token.id, last_used_at: now, last_used_by, expires_at: None };
            Pending { user_id: token.user_id, token_use }
        });
        if token_use.last_used_at < now {
            token_use.last_used_at = now;
            token_use.last_used_by = used_by.clone();
        }
        token_use.expires_at = token_use.expires_at.max(expires_at);
    }

    fn all(&self) -> Vec<TokenUse> {
        self.lock().values().map(|pending| pending.token_use.clone()).collect()
    }

    /// The pending usage that extends the expiry of a user's tokens.
    fn pending_refreshes_of(&self, user_id: i64) -> Vec<TokenUse> {
        let pending = self.lock();
        let theirs = pending.values().filter(|pending| pending.user_id == user_id).map(|pending| &pending.token_use);
        theirs.filter(|token_use| token_use.expires_at.is_some()).cloned().collect()
    }

    /// Removes what was written. Skipped rows stay, and so do tokens that were used again meanwhile.
    fn forget_written(&self, usage: &[TokenUse], skipped: &[i64]) {
        let mut pending = self.lock();
        for token_use in usage.iter().filter(|token_use| !skipped.contains(&token_use.id)) {
            if pending.get(&token_use.id).is_some_and(|pending| pending.token_use == *token_use) {
                pending.remove(&token_use.id);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the next use of a token must be recorded: until then the cache may answer.
pub fn next_use_due(token: &TokenFacts, policy: &Policy, now: Timestamp) -> Timestamp {
    let last = token.last_used_at.map_or(now, |last| last.min(now)).after(USE_INTERVAL);
    refresh_at(token, policy).map_or(last, |refresh| last.min(refresh))
}

/// The new expiry after a use (django-rest-knox, `knox/auth.py::renew_token`): now plus the TTL, but never past the
/// token's maximum age. It counts only if it moves the expiry by more than the minimum interval. Only login tokens are
/// extended.
fn extended_expiry(token: &TokenFacts, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let (ttl, latest) = sliding_expiry(token, policy)?;
    let wanted = latest.min(now.after(ttl));
    (wanted > token.expires_at?.after(policy.token_min_refresh_interval)).then_some(wanted)
}

/// Whether a use now would move the expiry of a token that ends at `expires_at`.
pub(in crate::service) fn is_extended_by_use(
    token: &TokenFacts,
    expires_at: Timestamp,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    extended_expiry(&TokenFacts { expires_at: Some(expires_at), ..token.clone() }, policy, now).is_some()
}

/// The time from which a use extends the expiry; `None`: never again.
fn refresh_at(token: &TokenFacts, policy: &Policy) -> Option<Timestamp> {
    let (ttl, latest) = sliding_expiry(token, policy)?;
    let moved = token.expires_at?.after(policy.token_min_refresh_interval);
    (latest > moved).then(|| moved.before(ttl))
}

/// How far each use extends a token's expiry, and the latest expiry that it can have.
fn sliding_expiry(token: &TokenFacts, policy: &Policy) -> Option<(Duration, Timestamp)> {
    let (Some(ttl), true, TokenKind::Login) = (policy.token_ttl, policy.token_auto_refresh, token.kind()) else {
        return None;
    };
    Some((ttl, policy.token_max_ttl.map_or(Timestamp::NEVER, |age| token.created_at.after(age))))
}

/// The result of writing a user's pending usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserUsage {
    /// Expiries in the database have moved.
    Written,
    /// No expiry was waiting to be moved.
    NothingPending,
}

impl Introspect {
    /// Writes pending usage. Returns how many tokens were skipped because their rows were locked.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays pending.
    pub async fn flush_usage(&self, locked: LockedRows) -> Result<usize, Error> {
        let mut skipped = 0;
        for batch in self.usage.all().chunks(BATCH) {
            skipped += self.write_usage(batch, locked).await?;
        }
        Ok(skipped)
    }

    /// Writes the pending usage that extends the expiry of a user's tokens. Must be called before a query that looks
    /// for live tokens, because a token that was used may still look expired in the database.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays pending.
    pub(in crate::service) async fn flush_user_usage(&self, user_id: i64) -> Result<UserUsage, Error> {
        let usage = self.usage.pending_refreshes_of(user_id);
        for batch in usage.chunks(BATCH) {
            self.write_usage(batch, LockedRows::Wait).await?;
        }
        Ok(if usage.is_empty() { UserUsage::NothingPending } else { UserUsage::Written })
    }

    async fn write_usage(&self, usage: &[TokenUse], locked: LockedRows) -> Result<usize, Error> {
        let batch = usage.to_vec();
        let skipped = self.database()?.run(move |store| store.record_usage(&batch, USE_INTERVAL, locked)).await?;
        self.usage.forget_written(usage, &skipped);
        Ok(skipped.len())
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
            key_start: String::new(),
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            last_used_at: None,
            last_used_by: None,
            revoked_at: None,
            grace_until: None,
            revoked_by: None,
            client: None,
        }
    }

    #[test]
    fn pending_usage_is_bounded() {
        let (usage, now) = (PendingUsage::default(), Timestamp::from_micros(1_700_000_000_000_000));
        let fill = i64::try_from(MAX_PENDING).unwrap() + 7;
        let note = |id, at| usage.note(&token(id), &UsedBy::gateway(), &Policy::default(), at);
        for id in 0..fill {
            note(id, now);
        }
        assert_eq!(usage.all().len(), MAX_PENDING);
        note(0, now.after(USE_INTERVAL));
        let later: Vec<TokenUse> = usage.all().into_iter().filter(|token_use| token_use.last_used_at > now).collect();
        assert_eq!(later.len(), 1, "a pending token is still updated");
        usage.forget_written(&usage.all(), &[3, 4]);
        let mut left: Vec<i64> = usage.all().iter().map(|token_use| token_use.id).collect();
        left.sort_unstable();
        assert_eq!(left, [3, 4], "skipped tokens stay");
        note(fill, now);
        assert_eq!(usage.all().len(), 3);
    }

    #[test]
    fn a_use_that_comes_while_the_last_one_is_written_is_not_forgotten() {
        let (usage, now) = (PendingUsage::default(), Timestamp::from_micros(1_700_000_000_000_000));
        let note = |used_by: &str, at| usage.note(&token(1), &UsedBy::client(used_by), &Policy::default(), at);
        note("billing", now);
        let written = usage.all();
        note("reports", now.after(USE_INTERVAL));
        note("late", now);
        usage.forget_written(&written, &[]);
        let left: Vec<_> = usage.all().iter().map(|left| (left.last_used_at, left.last_used_by.clone())).collect();
        assert_eq!(left, [(now.after(USE_INTERVAL), UsedBy::client("reports"))]);
    }
}
