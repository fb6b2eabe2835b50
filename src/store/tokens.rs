//! The `tokens` table: rows stored, found and listed. Keys never come here, only their digests.
//!
//! What a login does is in `login_tokens.rs`, what users do to their own in `own.rs`, how tokens end in `revocation.rs`.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::revocation::unrevoked;
use super::schema::{tokens, users};
use super::users::{Row as UserRow, lock, with_groups};
use super::{Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::{TokenDigest, TokenFacts};
use crate::domain::user::User;

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is found by.
    pub digest: TokenDigest,
    /// The key, sealed: the login token of single mode only.
    pub sealed: Option<Vec<u8>>,
    /// A name makes it an API key.
    pub name: Option<String>,
    /// Scopes, separated by blanks.
    pub scope: String,
    /// The key's first characters.
    pub hint: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether its user made it themselves.
    pub own: bool,
}

/// [`FACTS`], read.
pub(super) type FactsRow = (
    i64,
    i64,
    Option<String>,
    String,
    String,
    NaiveDateTime,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
    Option<String>,
    Option<String>,
);

/// All columns but the digest and the sealed key.
pub(super) type FactsColumns = (
    tokens::id,
    tokens::user_id,
    tokens::name,
    tokens::scope,
    tokens::hint,
    tokens::created_at,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::revoked_at,
    tokens::grace_until,
    tokens::revoked_by,
    tokens::client,
);

/// The same, to be selected.
pub(super) const FACTS: FactsColumns = (
    tokens::id,
    tokens::user_id,
    tokens::name,
    tokens::scope,
    tokens::hint,
    tokens::created_at,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::revoked_at,
    tokens::grace_until,
    tokens::revoked_by,
    tokens::client,
);

pub(super) fn facts(row: FactsRow) -> TokenFacts {
    let (id, user_id, name, scope, hint, created_at, expires_at, last_used_at, revoked_at, grace_until, by, client) =
        row;
    TokenFacts {
        id,
        user_id,
        name,
        scope,
        hint,
        created_at: Timestamp::from_naive(created_at),
        expires_at: expires_at.map(Timestamp::from_naive),
        last_used_at: last_used_at.map(Timestamp::from_naive),
        revoked_at: revoked_at.map(Timestamp::from_naive),
        grace_until: grace_until.map(Timestamp::from_naive),
        revoked_by: by,
        client,
    }
}

impl Store {
    /// Makes a token for a user; `None` when they are not who was read any more.
    pub fn create_token(
        &self,
        read: &User,
        new: &NewToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<TokenFacts>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(None) };
            changes.push(Change::created(&new.digest));
            create(conn, &user, new, by, now).map(Some)
        })
    }

    /// Live tokens, of one user or of all, by age, with their users' names.
    pub fn list_tokens(
        &self,
        user_id: Option<i64>,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<(TokenFacts, String)>, StoreError> {
        self.read(|conn| {
            let matching = || {
                let query = tokens::table
                    .inner_join(users::table)
                    .filter(unrevoked(now))
                    .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                    .into_boxed();
                match user_id {
                    Some(id) => query.filter(tokens::user_id.eq(id)),
                    None => query,
                }
            };
            let count = matching().count().get_result(conn)?;
            let rows: Vec<(FactsRow, String)> = matching()
                .order(tokens::id)
                .limit(page.size.into())
                .offset(page.offset())
                .select((FACTS, users::username))
                .load(conn)?;
            Ok(Page { count, results: rows.into_iter().map(|(row, name)| (facts(row), name)).collect() })
        })
    }

    /// Whose token this is, dead or alive.
    pub fn token_owner(&self, id: i64) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            let row: Option<UserRow> = tokens::table
                .inner_join(users::table)
                .filter(tokens::id.eq(id))
                .select(users::all_columns)
                .first(conn)
                .optional()?;
            Ok(with_groups(conn, row.into_iter().collect())?.pop())
        })
    }
}

/// Stores a token that somebody made, with its audit entry.
pub(super) fn create(
    conn: &mut Conn,
    user: &User,
    new: &NewToken,
    by: &Actor,
    now: Timestamp,
) -> Result<TokenFacts, StoreError> {
    let id = insert(conn, user.id, new, now)?;
    let details = json!({ "token": id, "name": new.name, "scope": new.scope });
    audit::record(conn, by, Action::TokenCreate, &user.username, &details, now)?;
    Ok(facts(tokens::table.find(id).select(FACTS).first(conn)?))
}

pub(super) fn insert(conn: &mut Conn, user_id: i64, new: &NewToken, now: Timestamp) -> Result<i64, StoreError> {
    Ok(diesel::insert_into(tokens::table)
        .values((
            tokens::user_id.eq(user_id),
            tokens::digest.eq(new.digest.as_bytes().as_slice()),
            tokens::sealed.eq(&new.sealed),
            tokens::name.eq(&new.name),
            tokens::scope.eq(&new.scope),
            tokens::hint.eq(&new.hint),
            tokens::created_at.eq(now.naive()),
            tokens::expires_at.eq(new.expires_at.map(Timestamp::naive)),
            tokens::own.eq(new.own),
        ))
        .returning(tokens::id)
        .get_result(conn)?)
}
