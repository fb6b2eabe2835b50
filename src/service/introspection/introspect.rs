//! Whether a token is active, and whose it is (RFC 7662).

use std::time::Duration;

use crate::domain::change::AsOf;
use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::{TokenDigest, UsedBy};
use crate::service::cache::{ChangeSeq, NewEntry, Now, Staleness, TokenIds};
use crate::service::introspection::answer::Introspection;
use crate::service::introspection::lookup::TokenStatus;
use crate::service::introspection::source::Source;
use crate::service::introspection::usage::{self, USE_INTERVAL};
use crate::service::{Error, Identity, Introspect, Reason};

impl Introspect {
    /// Introspects one token for `used_by`, who has been authenticated.
    ///
    /// # Errors
    /// [`Error::Store`], when the database does not answer, and the cache may not answer instead.
    pub async fn introspect(&self, presented: &str, used_by: &UsedBy) -> Result<Introspection, Error> {
        let Some(digest) = self.digest(presented) else {
            return Ok(self.record_miss(Introspection::inactive(Reason::Malformed)));
        };
        if let Some(cached) = self.cached(&digest, Staleness::Bound) {
            return Ok(self.record_hit(cached));
        }
        match self.look_up(presented, digest, used_by).await {
            Ok(result) => Ok(self.record_miss(result)),
            Err(error) => {
                let cached = self.cached(&digest, Staleness::StaleIfError).filter(|_| error.is_transient());
                cached.map(|cached| self.record_hit(cached)).ok_or(error)
            }
        }
    }

    /// Introspects many tokens, each for somebody. Those that are not in the cache share one query. The results have the
    /// order of `presented`. Also returns how old they are, and from which database.
    ///
    /// # Errors
    /// As [`Introspect::introspect`].
    pub async fn introspect_batch(&self, presented: &[(String, UsedBy)]) -> Result<(Vec<Introspection>, AsOf), Error> {
        let (memory, mut as_of) = (self.memory_as_of(), self.now_as_of());
        let mut from_memory = false;
        let mut results: Vec<Option<Introspection>> = Vec::with_capacity(presented.len());
        let mut missing = Vec::new();
        for (at, (text, _)) in presented.iter().enumerate() {
            let digest = self.digest(text);
            results.push(match digest {
                None => Some(self.record_miss(Introspection::inactive(Reason::Malformed))),
                Some(digest) => self.cached(&digest, Staleness::Bound).map(|cached| self.record_hit(cached)),
            });
            from_memory |= digest.is_some() && results[at].is_some();
            if let (Some(digest), None) = (digest, &results[at]) {
                missing.push((at, digest));
            }
        }
        let questions = missing.iter().map(|(at, digest)| (&presented[*at], *digest));
        match self.look_up_all(questions.collect()).await {
            Ok((found, of_found)) => {
                as_of = of_found.into_iter().fold(as_of, |as_of, other| as_of.and(&other));
                for ((at, _), result) in missing.into_iter().zip(found) {
                    results[at] = Some(self.record_miss(result));
                }
            }
            Err(error) if error.is_transient() => {
                for (at, digest) in missing {
                    results[at] = self.cached(&digest, Staleness::StaleIfError).map(|cached| self.record_hit(cached));
                }
                if results.iter().any(Option::is_none) {
                    return Err(error);
                }
                from_memory = true;
            }
            Err(error) => return Err(error),
        }
        if from_memory {
            as_of = as_of.and(&memory);
        }
        // Meanwhile the changes may have become those of another database. Then nobody knows from which of the two the
        // answers are, and `and` leaves the place out.
        Ok((results.into_iter().flatten().collect(), as_of.and(&self.now_as_of())))
    }

    /// How old the answers in memory are, and from which database. To be called before they are read.
    pub(super) fn memory_as_of(&self) -> AsOf {
        AsOf { moment: self.cache.synced_at().unwrap_or(Uptime::from_nanos(0)), place: self.feed.place() }
    }

    /// The same of the answers that the database gives after this call.
    pub(super) fn now_as_of(&self) -> AsOf {
        AsOf { moment: Uptime::now(), place: self.feed.place() }
    }

    /// Asks about a token that is not in the cache.
    async fn look_up(&self, presented: &str, digest: TokenDigest, used_by: &UsedBy) -> Result<Introspection, Error> {
        if let Source::Upstream(source) = &self.source
            && let Some(key) = self.key(presented)
        {
            return Ok(self.ask_upstream(source, digest, (key, used_by.clone())).await?.0);
        }
        let (change_seq, status) = self.resolve_digest(digest, used_by).await?;
        Ok(self.introspection(&digest, change_seq, &status))
    }

    /// The same about many tokens together. The results have the order of `missing`. An upstream also says how old they
    /// are, and from which database.
    async fn look_up_all(
        &self,
        missing: Vec<(&(String, UsedBy), TokenDigest)>,
    ) -> Result<(Vec<Introspection>, Option<AsOf>), Error> {
        if let Source::Upstream(source) = &self.source {
            let key = |((presented, used_by), digest): (&(String, UsedBy), _)| {
                Some((digest, (self.key(presented)?, used_by.clone())))
            };
            return self.ask_upstream_all(source, missing.into_iter().filter_map(key).collect()).await;
        }
        let digests: Vec<(TokenDigest, UsedBy)> =
            missing.into_iter().map(|((_, used_by), digest)| (digest, used_by.clone())).collect();
        let (change_seq, found) = self.resolve_batch(&digests).await?;
        let unknown = TokenStatus::Inactive(Reason::Unknown, None);
        let status = |digest| found.get(digest).unwrap_or(&unknown);
        let results = digests.iter().map(|(digest, _)| self.introspection(digest, change_seq, status(digest)));
        Ok((results.collect(), None))
    }

    /// The identity of a token's owner, for `used_by`.
    ///
    /// # Errors
    /// As [`Introspect::introspect`], and [`Error::NotAuthenticated`] when it is not a live token of an active user.
    pub async fn identify(&self, presented: &str, used_by: &UsedBy) -> Result<Identity, Error> {
        self.introspect(presented, used_by).await?.identity().map_err(Error::refused)
    }

    /// The cached answer for a presented key; the caller counts it. `None`: call [`Introspect::introspect`].
    #[must_use]
    pub fn introspect_cached(&self, presented: &str) -> Option<Introspection> {
        self.cached(&self.digest(presented)?, Staleness::Bound)
    }

    /// The cached identity of a live token's owner; the caller counts it. `None`: call [`Introspect::identify`].
    #[must_use]
    pub fn identify_cached(&self, presented: &str) -> Option<Identity> {
        self.introspect_cached(presented)?.identity().ok()
    }

    /// How long it is until a token or a secret ends; `None`: it does not end.
    #[must_use]
    pub fn time_left(&self, ends_at: Timestamp) -> Option<Duration> {
        (ends_at < Timestamp::NEVER).then(|| ends_at.since(self.expiry_clock()))
    }

    /// The time by which tokens and secrets end. An edge's wall clock may be wrong, so an edge uses its uptime: its upstream
    /// says how long they last.
    pub(super) fn expiry_clock(&self) -> Timestamp {
        match &self.source {
            Source::Database(_) => self.clock.now(),
            Source::Upstream(_) => self.clock.uptime().as_time(),
        }
    }

    fn cached(&self, digest: &TokenDigest, staleness: Staleness) -> Option<Introspection> {
        if !self.cache.is_on() {
            return None;
        }
        let now = Now { time: self.expiry_clock(), uptime: Uptime::now() };
        self.cache.get(digest, now, staleness).map(Introspection::from_cache)
    }

    fn introspection(&self, digest: &TokenDigest, change_seq: ChangeSeq, status: &TokenStatus) -> Introspection {
        let now = self.clock.now();
        let result = match status {
            TokenStatus::Active((token, user)) => {
                Introspection::active(token, user, self.policy.issuer.as_deref(), now)
            }
            TokenStatus::Inactive(reason, _) => Introspection::inactive(*reason),
        };
        let (hit_until, ends_at) = match status {
            TokenStatus::Active((token, _)) => {
                let ends_at = token.ends_at().unwrap_or(Timestamp::NEVER);
                (ends_at.min(usage::next_use_due(token, &self.policy, now)), ends_at)
            }
            // Not cached: another node may have extended the expiry and not have written it yet.
            TokenStatus::Inactive(Reason::Expired, _) => return result,
            // Cached for a short time only, like every other answer.
            TokenStatus::Inactive(..) => (now.after(USE_INTERVAL), Timestamp::NEVER),
        };
        let owner = status.found().map(|(token, _)| TokenIds { token_id: token.id, user_id: token.user_id });
        let answer = NewEntry { of: owner, hit_until, ends_at, code: result.code(), text: result.cached_text() };
        self.cache.insert(digest, change_seq, answer);
        result
    }

    /// Counts a cache miss, and logs why the token is inactive.
    fn record_miss(&self, result: Introspection) -> Introspection {
        self.metrics.record_miss(result.reason());
        if let Some(reason) = result.reason() {
            log::debug!(reason = reason.as_str(); "introspected an inactive token");
        }
        result
    }

    fn record_hit(&self, result: Introspection) -> Introspection {
        self.metrics.record_hit(result.reason());
        result
    }
}
