//! How tokens end: revoked one by one, all of a user's, or replaced by a new one.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{tokens, users};
use super::tokens::{NewToken, insert};
use super::users::{lock, lock_whoever};
use super::{Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// What regenerate takes away.
#[derive(Clone, Copy, Debug)]
pub struct Regenerate {
    /// Named tokens too.
    pub all: bool,
    /// The old ones live on until then.
    pub grace_until: Option<Timestamp>,
}

impl Store {
    /// Ends a user's login tokens and stores a new one in their place; `false` when they are not who was read any more.
    pub fn regenerate_token(
        &self,
        read: &User,
        new: &NewToken,
        how: Regenerate,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(false) };
            changes.extend([Change::User(user.id), Change::created(&new.digest)]);
            unseal(conn, user.id)?;
            let ended = match how.grace_until {
                None => diesel::update(ending(user.id, how.all, now)).set(revocation(by, now)).execute(conn)?,
                // A token that already ends sooner keeps its end.
                Some(end) => diesel::update(ending(user.id, how.all, now))
                    .filter(tokens::revoked_at.is_null().or(tokens::revoked_at.gt(end.naive())))
                    .set(revocation(by, end))
                    .execute(conn)?,
            };
            let id = insert(conn, user.id, new, now)?;
            let details = json!({ "token": id, "ended": ended, "all": how.all, "grace_until": how.grace_until });
            audit::record(conn, by, Action::TokenRegenerate, &user.username, &details, now)?;
            Ok(true)
        })
    }

    /// Revokes a token; `false` when there is no live one with this id.
    pub fn revoke_token(&self, id: i64, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
        self.change(|conn, changes| {
            let revoked = diesel::update(tokens::table.find(id))
                .filter(tokens::revoked_at.is_null().or(tokens::revoked_at.gt(now.naive())))
                .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                .set(revocation(by, now))
                .execute(conn)?;
            if revoked == 0 {
                return Ok(false);
            }
            let (user_id, owner): (i64, String) = tokens::table
                .inner_join(users::table)
                .filter(tokens::id.eq(id))
                .select((users::id, users::username))
                .first(conn)?;
            changes.push(Change::User(user_id));
            audit::record(conn, by, Action::TokenRevoke, &owner, &json!({ "token": id }), now)?;
            Ok(true)
        })
    }

    /// Revokes all live login tokens of a user; `false` when there is none with this id.
    pub fn revoke_login_tokens(&self, user_id: i64, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock_whoever(conn, user_id)? else { return Ok(false) };
            changes.push(Change::User(user.id));
            let revoked = revoke_login_tokens(conn, user.id, by, now)?;
            if revoked > 0 {
                let details = json!({ "login_tokens": revoked });
                audit::record(conn, by, Action::TokenRevoke, &user.username, &details, now)?;
            }
            Ok(true)
        })
    }
}

/// A user's live tokens: their login tokens, or all.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn ending(user_id: i64, all: bool, now: Timestamp) -> _ {
    let now: NaiveDateTime = now.naive();
    tokens::table
        .filter(tokens::user_id.eq(user_id))
        .filter(tokens::revoked_at.is_null().or(tokens::revoked_at.gt(now)))
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now)))
        .filter(tokens::name.is_null().or(all.into_sql::<diesel::sql_types::Bool>()))
}

type Revocation<'a> = (
    diesel::dsl::Eq<tokens::revoked_at, NaiveDateTime>,
    diesel::dsl::Eq<tokens::revoked_by, &'a str>,
    diesel::dsl::Eq<tokens::sealed, Option<Vec<u8>>>,
);

/// What is set when a token is revoked; the sealed key goes at once.
fn revocation(by: &Actor, now: Timestamp) -> Revocation<'_> {
    (tokens::revoked_at.eq(now.naive()), tokens::revoked_by.eq(by.name.as_str()), tokens::sealed.eq(None::<Vec<u8>>))
}

/// Revokes all live login tokens of a user; says how many.
pub(super) fn revoke_login_tokens(
    conn: &mut Conn,
    user_id: i64,
    by: &Actor,
    now: Timestamp,
) -> Result<usize, StoreError> {
    unseal(conn, user_id)?;
    Ok(diesel::update(ending(user_id, false, now)).set(revocation(by, now)).execute(conn)?)
}

/// A user has at most one sealed token; an expired one must not stand in the way of the next.
pub(super) fn unseal(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    diesel::update(tokens::table.filter(tokens::user_id.eq(user_id)).filter(tokens::sealed.is_not_null()))
        .set(tokens::sealed.eq(None::<Vec<u8>>))
        .execute(conn)?;
    Ok(())
}
