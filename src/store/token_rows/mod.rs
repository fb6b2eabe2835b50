//! Rows of `tokens`: inserted, read, and ended.

mod end;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::audit;
use super::connection::Conn;
use super::error::StoreError;
use super::schema::tokens;
use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::token::{TokenDigest, TokenFacts, UsedBy};
use crate::domain::user::User;
pub(super) use end::MovedEnd;
pub use end::TokenEnd;
pub(super) use end::{
    end_for_every_clock, end_tokens, lock_tokens, maybe_live, move_end, revoke_login_tokens, revoked, unrevoked,
    unseal, user_tokens,
};

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The digest that the key is looked up by.
    pub digest: TokenDigest,
    /// The key, sealed: the login token of single mode only.
    pub sealed: Option<Vec<u8>>,
    /// The name of a named token.
    pub name: Option<String>,
    /// Scopes, separated by blanks.
    pub scope: String,
    /// The key's first characters.
    pub key_start: String,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Whether its user created it.
    pub own: bool,
}

/// A row, without its digest and its sealed key.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = tokens)]
pub(super) struct FactsRow {
    id: i64,
    user_id: i64,
    name: Option<String>,
    scope: String,
    // The column keeps the name that it was created with.
    #[diesel(column_name = hint)]
    key_start: String,
    created_at: NaiveDateTime,
    expires_at: Option<NaiveDateTime>,
    last_used_at: Option<NaiveDateTime>,
    last_used_by: Option<String>,
    revoked_at: Option<NaiveDateTime>,
    grace_until: Option<NaiveDateTime>,
    revoked_by: Option<String>,
    client: Option<String>,
}

impl From<FactsRow> for TokenFacts {
    fn from(row: FactsRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            scope: row.scope,
            key_start: row.key_start,
            created_at: Timestamp::from_naive(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_naive),
            last_used_at: row.last_used_at.map(Timestamp::from_naive),
            last_used_by: row.last_used_by.map(UsedBy::stored),
            revoked_at: row.revoked_at.map(Timestamp::from_naive),
            grace_until: row.grace_until.map(Timestamp::from_naive),
            revoked_by: row.revoked_by,
            client: row.client,
        }
    }
}

/// Inserts a named token and its audit entry.
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
    let row: FactsRow = tokens::table.find(id).select(FactsRow::as_select()).first(conn)?;
    Ok(row.into())
}

pub(super) fn insert(conn: &mut Conn, user_id: i64, new: &NewToken, now: Timestamp) -> Result<i64, StoreError> {
    Ok(diesel::insert_into(tokens::table)
        .values((
            tokens::user_id.eq(user_id),
            tokens::digest.eq(new.digest.as_bytes().as_slice()),
            tokens::sealed.eq(&new.sealed),
            tokens::name.eq(&new.name),
            tokens::scope.eq(&new.scope),
            tokens::hint.eq(&new.key_start),
            tokens::created_at.eq(now.naive()),
            tokens::expires_at.eq(new.expires_at.map(Timestamp::naive)),
            tokens::own.eq(new.own),
        ))
        .returning(tokens::id)
        .get_result(conn)?)
}
