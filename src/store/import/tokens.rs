//! Looks up and writes tokens: in PostgreSQL one statement a batch, in SQLite one prepared statement a row.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamp as SqlTimestamp};

use super::super::StoreError;
use super::super::connection::Conn;
use super::super::schema::{tokens, users};
use super::{ImportTarget, column, naive};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;

/// A login token from another system.
#[derive(Clone, Debug)]
pub struct ImportedToken {
    /// The token's user.
    pub user_id: i64,
    /// The digest that the key is looked up by.
    pub digest: TokenDigest,
    /// The sealed key, if logins return this token.
    pub sealed: Option<Vec<u8>>,
    /// The key's first characters.
    pub hint: String,
    /// When it was created in the other system.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// Whose a token is that is here already.
#[derive(Clone, Copy, Debug)]
pub struct TokenOwner {
    /// The user's id.
    pub user_id: i64,
    /// Whether it is known when it ends.
    pub has_end: bool,
}

/// When a token that is here already ends.
#[derive(Clone, Debug)]
pub struct ImportedEnd {
    /// The token.
    pub digest: TokenDigest,
    /// The token's user.
    pub user_id: i64,
    /// Its end.
    pub expires_at: Timestamp,
}

impl ImportTarget<'_> {
    /// Whose the existing tokens with these digests are.
    pub fn token_owners(&mut self, digests: &[TokenDigest]) -> Result<HashMap<TokenDigest, TokenOwner>, StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(HashMap::new()) };
        let bytes: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        let columns = (tokens::digest, tokens::user_id, tokens::expires_at.is_not_null());
        let query = tokens::table.filter(tokens::digest.eq_any(bytes)).select(columns);
        let rows: Vec<(Vec<u8>, i64, bool)> = match conn {
            Conn::Pg(pg) => query.load(pg)?,
            Conn::Sqlite(sqlite) => query.load(sqlite)?,
        };
        let owner = |(digest, user_id, has_end): (Vec<u8>, i64, bool)| {
            Some((TokenDigest::from_bytes(&digest)?, TokenOwner { user_id, has_end }))
        };
        Ok(rows.into_iter().filter_map(owner).collect())
    }

    /// Locks existing users, as every change of their tokens does. Returns those who have a sealed token. The seal of
    /// an expired one is removed.
    pub fn lock_sealed(&mut self, user_ids: &[i64], now: Timestamp) -> Result<HashSet<i64>, StoreError> {
        let Some(conn) = self.conn.as_mut().filter(|_| !user_ids.is_empty()) else { return Ok(HashSet::new()) };
        let sealed = || tokens::table.filter(tokens::user_id.eq_any(user_ids)).filter(tokens::sealed.is_not_null());
        let expired = sealed().filter(tokens::expires_at.le(now.naive()));
        let unsealed = tokens::sealed.eq(None::<Vec<u8>>);
        let live = sealed().select(tokens::user_id);
        let found: Vec<i64> = match conn {
            Conn::Pg(pg) => {
                let locked = users::table.filter(users::id.eq_any(user_ids)).select(users::id).order(users::id);
                locked.for_no_key_update().load::<i64>(pg)?;
                diesel::update(expired).set(unsealed).execute(pg)?;
                live.load(pg)?
            }
            Conn::Sqlite(sqlite) => {
                diesel::update(expired).set(unsealed).execute(sqlite)?;
                live.load(sqlite)?
            }
        };
        Ok(found.into_iter().collect())
    }

    /// Creates login tokens, all with the same scope.
    pub fn insert_tokens(&mut self, rows: &[ImportedToken], scope: &str) -> Result<(), StoreError> {
        self.has_cached_changes |= !rows.is_empty();
        match self.writer(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "insert into tokens (user_id, digest, sealed, hint, created_at, expires_at, scope) \
                     select row.*, $7 from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::text[], \
                     $5::timestamptz[], $6::timestamptz[]) as row",
                )
                .bind::<Array<BigInt>, _>(column(rows, |row| row.user_id))
                .bind::<Array<Binary>, _>(column(rows, |row| row.digest.as_bytes().as_slice()))
                .bind::<Array<Nullable<Binary>>, _>(column(rows, |row| row.sealed.as_deref()))
                .bind::<Array<Text>, _>(column(rows, |row| row.hint.as_str()))
                .bind::<Array<SqlTimestamp>, _>(column(rows, |row| row.created_at.naive()))
                .bind::<Array<Nullable<SqlTimestamp>>, _>(column(rows, |row| naive(row.expires_at)))
                .bind::<Text, _>(scope)
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    diesel::insert_into(tokens::table)
                        .values((
                            tokens::user_id.eq(row.user_id),
                            tokens::digest.eq(row.digest.as_bytes().as_slice()),
                            tokens::sealed.eq(row.sealed.as_deref()),
                            tokens::hint.eq(&row.hint),
                            tokens::created_at.eq(row.created_at.naive()),
                            tokens::expires_at.eq(naive(row.expires_at)),
                            tokens::scope.eq(scope),
                        ))
                        .execute(sqlite)?;
                }
            }
        }
        Ok(())
    }

    /// Sets the ends of existing tokens that have none. Logins do not return one that has ended.
    pub fn set_ends(&mut self, rows: &[ImportedEnd], now: Timestamp) -> Result<(), StoreError> {
        let users: Vec<i64> = rows.iter().map(|row| row.user_id).collect();
        self.lock_sealed(&users, now)?;
        self.has_cached_changes |= !rows.is_empty();
        let now = now.naive();
        match self.writer(rows.len()) {
            None => {}
            Some(Conn::Pg(pg)) => {
                diesel::sql_query(
                    "update tokens set expires_at = row.expires_at, \
                     sealed = case when row.expires_at <= $3::timestamptz then null else tokens.sealed end \
                     from unnest($1::bytea[], $2::timestamptz[]) as row (digest, expires_at) \
                     where tokens.digest = row.digest and tokens.expires_at is null",
                )
                .bind::<Array<Binary>, _>(column(rows, |row| row.digest.as_bytes().as_slice()))
                .bind::<Array<SqlTimestamp>, _>(column(rows, |row| row.expires_at.naive()))
                .bind::<SqlTimestamp, _>(now)
                .execute(pg)?;
            }
            Some(Conn::Sqlite(sqlite)) => {
                for row in rows {
                    let end = row.expires_at.naive();
                    let found = tokens::table
                        .filter(tokens::digest.eq(row.digest.as_bytes().as_slice()))
                        .filter(tokens::expires_at.is_null());
                    if end <= now {
                        let ended = (tokens::expires_at.eq(end), tokens::sealed.eq(None::<Vec<u8>>));
                        diesel::update(found).set(ended).execute(sqlite)?;
                    } else {
                        diesel::update(found).set(tokens::expires_at.eq(end)).execute(sqlite)?;
                    }
                }
            }
        }
        Ok(())
    }
}
