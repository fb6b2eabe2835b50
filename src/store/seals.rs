//! Sealed login tokens, read and replaced in batches.

use std::collections::HashSet;

use diesel::prelude::*;

use super::connection::Conn;
use super::schema::{meta, tokens};
use super::{MetaKey, Store, StoreError};
use crate::domain::token::TokenDigest;

/// A sealed key and what it is bound to.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The token's user.
    pub user_id: i64,
    /// The token's digest.
    pub digest: TokenDigest,
    /// The sealed key.
    pub sealed: Vec<u8>,
}

/// A seal, and what replaces it.
#[derive(Clone, Debug)]
pub struct Reseal {
    /// The seal as it was read.
    pub old: Seal,
    /// The same key, sealed anew.
    pub sealed: Vec<u8>,
}

impl Store {
    /// The sealed tokens of the next `limit` users after this id, in order.
    pub fn seals_after(&self, user_id: i64, limit: u32) -> Result<Vec<Seal>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = self.read(|conn| {
            Ok(tokens::table
                .filter(tokens::sealed.is_not_null())
                .filter(tokens::user_id.gt(user_id))
                .order(tokens::user_id)
                .limit(limit.into())
                .select((tokens::user_id, tokens::digest, tokens::sealed))
                .load(conn)?)
        })?;
        rows.into_iter()
            .map(|(user_id, digest, sealed)| {
                let digest = TokenDigest::from_bytes(&digest)
                    .ok_or_else(|| StoreError::Failed("a token's digest has a wrong length".into()))?;
                Ok(Seal { user_id, digest, sealed: sealed.unwrap_or_default() })
            })
            .collect()
    }

    /// Replaces each seal by the new one, unless it has changed, and as long as `check` is the check value of the
    /// database's secret key. Returns how many were replaced. Locked rows are skipped. Answers do not change, so no
    /// node is notified.
    pub fn reseal(&self, seals: &[Reseal], check: &str) -> Result<usize, StoreError> {
        self.write(|conn| {
            let current = meta::table.find(MetaKey::SecretKeyCheck.as_str()).select(meta::value);
            if current.first::<String>(conn).optional()?.as_deref() != Some(check) {
                return Ok(0);
            }
            let all: HashSet<Vec<u8>> = seals.iter().map(|seal| seal.old.digest.as_bytes().to_vec()).collect();
            let free = match conn {
                Conn::Pg(pg) => {
                    let wanted = tokens::table.filter(tokens::digest.eq_any(all));
                    let locked = wanted.select(tokens::digest).for_no_key_update().skip_locked();
                    locked.load::<Vec<u8>>(pg)?.into_iter().collect()
                }
                Conn::Sqlite(_) => all,
            };
            let mut replaced = 0;
            for Reseal { old, sealed } in
                seals.iter().filter(|seal| free.contains(seal.old.digest.as_bytes().as_slice()))
            {
                let unchanged = tokens::table
                    .filter(tokens::digest.eq(old.digest.as_bytes().as_slice()))
                    .filter(tokens::sealed.eq(old.sealed.as_slice()));
                replaced += diesel::update(unchanged).set(tokens::sealed.eq(sealed.as_slice())).execute(conn)?;
            }
            Ok(replaced)
        })
    }
}
