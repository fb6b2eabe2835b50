//! Ends tokens: one, all of a user, or those that a new token replaces.

use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{tokens, users};
use super::token_rows::{NewToken, end_for_every_clock, end_tokens, insert, revoke_login_tokens};
use super::user_rows::{lock, lock_by_id};
use super::{Changed, LoginTokensRevoked, Revoked, Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// Which tokens regenerate ends, and when.
#[derive(Clone, Copy, Debug)]
pub struct Regenerate {
    /// Whether named tokens end, too.
    pub all: bool,
    /// The old tokens stay valid until then.
    pub grace_until: Option<Timestamp>,
}

impl Store {
    /// Ends a user's login tokens and stores a new one in their place, if the user has not changed since they were
    /// read.
    pub fn regenerate_token(
        &self,
        read: &User,
        new: &NewToken,
        how: Regenerate,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<()>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.extend([Change::User(user.id), Change::created(&new.digest)]);
            let ended = end_tokens(conn, user.id, how.all, by, now, how.grace_until)?;
            let id = insert(conn, user.id, new, now)?;
            let details = json!({ "token": id, "ended": ended, "all": how.all, "grace_until": how.grace_until });
            audit::record(conn, by, Action::TokenRegenerate, &user.username, &details, now)?;
            Ok(Changed::Done(()))
        })
    }

    /// Revokes a token that may be live by the clock of some node. This includes tokens that look expired and those
    /// whose grace period looks over: see `end_tokens`. The user is not locked: the token ends whatever else happens to
    /// them.
    pub fn revoke_token(&self, id: i64, by: &Actor, now: Timestamp) -> Result<Revoked, StoreError> {
        self.change(|conn, changes| revoke(conn, changes, id, by, now))
    }

    /// As [`Store::revoke_token`], for another caller than the owner, if the owner has not changed since they were
    /// read.
    pub fn revoke_token_of(
        &self,
        owner: &User,
        id: i64,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Revoked>, StoreError> {
        self.change(|conn, changes| match lock(conn, owner)? {
            Some(_) => revoke(conn, changes, id, by, now).map(Changed::Done),
            None => Ok(Changed::UserChanged),
        })
    }

    /// Revokes all live tokens of a user, if the user has not changed since they were read. Returns how many.
    pub fn revoke_all_tokens(&self, read: &User, by: &Actor, now: Timestamp) -> Result<Changed<usize>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.push(Change::User(user.id));
            let revoked = end_tokens(conn, user.id, true, by, now, None)?;
            if revoked > 0 {
                audit::record(conn, by, Action::TokenRevoke, &user.username, &json!({ "all_tokens": revoked }), now)?;
            }
            Ok(Changed::Done(revoked))
        })
    }

    /// Revokes all live login tokens of a user.
    pub fn revoke_login_tokens(
        &self,
        user_id: i64,
        by: &Actor,
        now: Timestamp,
    ) -> Result<LoginTokensRevoked, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock_by_id(conn, user_id)? else { return Ok(LoginTokensRevoked::NoSuchUser) };
            changes.push(Change::User(user.id));
            let revoked = revoke_login_tokens(conn, user.id, by, now)?;
            if revoked > 0 {
                let details = json!({ "login_tokens": revoked });
                audit::record(conn, by, Action::TokenRevoke, &user.username, &details, now)?;
            }
            Ok(LoginTokensRevoked::Done(revoked))
        })
    }
}

fn revoke(
    conn: &mut Conn,
    changes: &mut Vec<Change>,
    id: i64,
    by: &Actor,
    now: Timestamp,
) -> Result<Revoked, StoreError> {
    if end_for_every_clock(conn, &[id], by, now)? == 0 {
        return Ok(Revoked::NotLive);
    }
    let (user_id, owner): (i64, String) = tokens::table
        .inner_join(users::table)
        .filter(tokens::id.eq(id))
        .select((users::id, users::username))
        .first(conn)?;
    changes.push(Change::User(user_id));
    audit::record(conn, by, Action::TokenRevoke, &owner, &json!({ "token": id }), now)?;
    Ok(Revoked::Done)
}
