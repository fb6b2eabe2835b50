//! Answers of an edge's upstream: passed on as they were sent, and cached.

use futures_util::future::try_join_all;

use super::source::UpstreamSource;
use super::usage::USE_INTERVAL;
use crate::domain::change::AsOf;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;
use crate::service::cache::{ChangeSeq, NewEntry, TokenIds};
use crate::service::introspection::answer::Introspection;
use crate::service::{Error, Introspect, Reason};
use crate::store::StoreError;
use crate::upstream::{ActiveFacts, UpstreamAnswer, UsedKey};

impl Introspect {
    /// Asks the upstream about a key. Keys that are asked about at the same time share a request.
    pub(super) async fn ask_upstream(
        &self,
        source: &UpstreamSource,
        digest: TokenDigest,
        key: UsedKey,
    ) -> Result<(Introspection, AsOf), Error> {
        // Read before the key waits for its batch: the time left that the upstream states is counted from here, so a token
        // never lives longer here than there.
        let asked_at = self.expiry_clock();
        let (answer, as_of) = source.introspect(key).await?;
        Ok((self.cache_answer(&digest, asked_at, answer, &as_of)?, as_of))
    }

    /// The same about many keys. The results have the order of the keys.
    pub(super) async fn ask_upstream_all(
        &self,
        source: &UpstreamSource,
        keys: Vec<(TokenDigest, UsedKey)>,
    ) -> Result<(Vec<Introspection>, Option<AsOf>), Error> {
        let asked = keys.into_iter().map(|(digest, key)| self.ask_upstream(source, digest, key));
        let (results, all): (Vec<_>, Vec<_>) = try_join_all(asked).await?.into_iter().unzip();
        Ok((results, all.into_iter().reduce(|as_of, other| as_of.and(&other))))
    }

    /// The change number of an upstream's answers; `None` if they must not be cached, because they are from another
    /// database than the changes that this edge follows.
    pub(super) fn upstream_change_seq(&self, as_of: &AsOf) -> Option<ChangeSeq> {
        // Taken before the places are compared: if the edge changes to another database in between, this number is too old
        // already, and the answer is never served.
        let change_seq = self.cache.change_seq_at(as_of.moment);
        (as_of.place.is_some() && as_of.place == self.feed.place()).then_some(change_seq)
    }

    fn cache_answer(
        &self,
        digest: &TokenDigest,
        asked_at: Timestamp,
        answer: UpstreamAnswer,
        as_of: &AsOf,
    ) -> Result<Introspection, Error> {
        let latest = asked_at.after(USE_INTERVAL);
        let (result, of, hit_until, ends_at) = match answer {
            UpstreamAnswer::Active(json, ActiveFacts { token_id, user_id, kind, expires_in }) => {
                let ends_at = expires_in.map_or(Timestamp::NEVER, |left| asked_at.after(left));
                // Asked again when half of its time is over: the upstream may extend it meanwhile.
                let half = asked_at.after(ends_at.since(asked_at) / 2);
                let of = Some(TokenIds { token_id, user_id });
                let result = Introspection::from_upstream(json, kind, ends_at);
                let result = result.ok_or_else(|| StoreError::Upstream("its answer has no identity".into()))?;
                (result, of, latest.min(half), ends_at)
            }
            // Cached for one bound only: `/changes` names tokens by id, so it does not tell an edge that a token with
            // this key was created.
            UpstreamAnswer::Inactive { is_user_inactive, known_for } => {
                let reason = if is_user_inactive { Reason::UserInactive } else { Reason::Unknown };
                let until = as_of.moment.as_time().after(self.policy.revocation_bound);
                // The upstream may be an edge, and remember it already.
                let until = known_for.map_or(until, |left| until.min(asked_at.after(left))).min(latest);
                (Introspection::inactive(reason).until(until), None, until, until)
            }
        };
        let answer = NewEntry { of, hit_until, ends_at, code: result.code(), text: result.cached_text() };
        if let Some(change_seq) = self.upstream_change_seq(as_of) {
            self.cache.insert(digest, change_seq, answer);
        }
        Ok(result)
    }
}
