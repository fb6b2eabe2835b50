//! Whether a token is good, and whose it is (RFC 7662).

use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::TokenDigest;
use crate::service::introspection::answer::Introspection;
use crate::service::introspection::cache::{Born, Keep, Now, Patience};
use crate::service::introspection::lookup::TokenStatus;
use crate::service::introspection::uses::{self, USE_INTERVAL};
use crate::service::{Error, Identity, Introspect, Reason};

impl Introspect {
    /// Introspects one token. The caller has been authenticated.
    ///
    /// # Errors
    /// [`Error::Store`], when the cache may not answer in the database's place.
    pub async fn introspect(&self, presented: &str) -> Result<Introspection, Error> {
        let Some(digest) = self.digest(presented) else {
            return Ok(self.told(Introspection::inactive(Reason::Malformed)));
        };
        if let Some(kept) = self.kept(&digest, Patience::Bound) {
            return Ok(self.counted(kept));
        }
        match self.look_up(digest).await {
            Ok((born, status)) => Ok(self.told(self.introspection(&digest, born, &status))),
            Err(error) => {
                let kept = self.kept(&digest, Patience::StaleIfError).filter(|_| error.is_passing());
                kept.map(|kept| self.counted(kept)).ok_or(error)
            }
        }
    }

    /// Introspects many tokens, those that are not in the cache with one query; answers in the order asked.
    ///
    /// # Errors
    /// As [`Introspect::introspect`].
    pub async fn introspect_batch(&self, presented: &[String]) -> Result<Vec<Introspection>, Error> {
        let mut results: Vec<Option<Introspection>> = Vec::with_capacity(presented.len());
        let mut missing = Vec::new();
        for (at, text) in presented.iter().enumerate() {
            let digest = self.digest(text);
            results.push(match digest {
                None => Some(self.told(Introspection::inactive(Reason::Malformed))),
                Some(digest) => self.kept(&digest, Patience::Bound).map(|kept| self.counted(kept)),
            });
            if let (Some(digest), None) = (digest, &results[at]) {
                missing.push((at, digest));
            }
        }
        match self.look_up_all(missing.iter().map(|(_, digest)| *digest).collect()).await {
            Ok((born, found)) => {
                let unknown = TokenStatus::Inactive(Reason::Unknown, None);
                for (at, digest) in missing {
                    let status = found.get(&digest).unwrap_or(&unknown);
                    results[at] = Some(self.told(self.introspection(&digest, born, status)));
                }
            }
            Err(error) if error.is_passing() => {
                for (at, digest) in missing {
                    results[at] = self.kept(&digest, Patience::StaleIfError).map(|kept| self.counted(kept));
                }
                if results.iter().any(Option::is_none) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// The identity that a token stands for, for a gateway that lets its holder in.
    ///
    /// # Errors
    /// As [`Introspect::introspect`], and [`Error::NotAuthenticated`] when it is not a live token of an active user.
    pub async fn identify(&self, presented: &str) -> Result<Identity, Error> {
        self.introspect(presented).await?.identity().map_err(Error::refused)
    }

    /// The answer that the cache has for a presented key, for the caller to count. `None`: [`Introspect::introspect`] is
    /// to be asked.
    #[must_use]
    pub fn introspect_kept(&self, presented: &str) -> Option<Introspection> {
        self.kept(&self.digest(presented)?, Patience::Bound)
    }

    fn kept(&self, digest: &TokenDigest, patience: Patience) -> Option<Introspection> {
        if !self.cache.is_on() {
            return None;
        }
        let now = Now { time: self.clock.now(), uptime: Uptime::now() };
        self.cache.get(digest, now, patience).map(Introspection::kept)
    }

    fn introspection(&self, digest: &TokenDigest, born: Born, status: &TokenStatus) -> Introspection {
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
                (ends_at.min(uses::next(token, &self.policy, now)), ends_at)
            }
            // Another node may know of a use that saved it and is not written yet.
            TokenStatus::Inactive(Reason::Expired, _) => return result,
            // For a while only, like everything else that is kept.
            TokenStatus::Inactive(..) => (now.after(USE_INTERVAL), Timestamp::NEVER),
        };
        let user_id = status.found().map(|(token, _)| token.user_id);
        let answer = Keep { user_id, hit_until, ends_at, code: result.code(), text: result.kept_text() };
        self.cache.keep(digest, born, answer);
        result
    }

    /// Counts what was not in the cache, and says why it is inactive.
    fn told(&self, result: Introspection) -> Introspection {
        self.metrics.miss(result.reason());
        if let Some(reason) = result.reason() {
            log::debug!(reason = reason.as_str(); "introspected an inactive token");
        }
        result
    }

    fn counted(&self, result: Introspection) -> Introspection {
        self.metrics.hit(result.reason());
        result
    }
}
