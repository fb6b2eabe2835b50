//! What users change of their own account, with a login token and their password.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::revocation::{lock_tokens, revoke_login_tokens, unrevoked};
use super::schema::{tokens, users};
use super::sessions::end_sessions;
use super::tokens::{NewToken, create, insert};
use super::users::lock_whoever;
use super::{Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::password::PasswordHash;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// What becomes of such a change.
#[derive(Clone, Debug)]
pub enum OwnChange<T> {
    /// It is made.
    Done(T),
    /// The token they asked with was revoked since, or they are gone. Else whoever holds a stolen key could save
    /// themselves out of a regenerate.
    TokenEnded,
    /// They have another password than the one that was checked, or other rights.
    UserChanged,
    /// They have as many tokens of their own as they may.
    LimitReached,
}

impl<T> OwnChange<T> {
    /// With something else of what was made.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> OwnChange<U> {
        match self {
            Self::Done(done) => OwnChange::Done(made(done)),
            Self::TokenEnded => OwnChange::TokenEnded,
            Self::UserChanged => OwnChange::UserChanged,
            Self::LimitReached => OwnChange::LimitReached,
        }
    }
}

impl Store {
    /// Makes a token for the user who asks with `asked_with`, whose password was checked as `read` has it. At most
    /// `limit` live ones are of their own making.
    pub fn create_own_token(
        &self,
        asked_with: &TokenFacts,
        read: &User,
        new: &NewToken,
        limit: Option<u32>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<OwnChange<TokenFacts>, StoreError> {
        self.change(|conn, changes| {
            let user = match asker(conn, asked_with, read, now)? {
                Ok(user) => user,
                Err(refusal) => return Ok(refusal),
            };
            if let Some(limit) = limit
                && live_own_tokens(conn, user.id, now)? >= i64::from(limit)
            {
                return Ok(OwnChange::LimitReached);
            }
            changes.push(Change::created(&new.digest));
            create(conn, &user, new, by, now).map(OwnChange::Done)
        })
    }

    /// Gives the user who asks with `asked_with` another password, and a login token in place of all they had.
    pub fn change_own_password(
        &self,
        asked_with: &TokenFacts,
        read: &User,
        hash: &PasswordHash,
        new: &NewToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<OwnChange<()>, StoreError> {
        self.change(|conn, changes| {
            let user = match asker(conn, asked_with, read, now)? {
                Ok(user) => user,
                Err(refusal) => return Ok(refusal),
            };
            changes.extend([Change::User(user.id), Change::created(&new.digest)]);
            diesel::update(users::table.find(user.id)).set(users::password.eq(hash.as_str())).execute(conn)?;
            revoke_login_tokens(conn, user.id, by, now)?;
            end_sessions(conn, user.id)?;
            let id = insert(conn, user.id, new, now)?;
            audit::record(conn, by, Action::UserPassword, &user.username, &json!({ "token": id }), now)?;
            Ok(OwnChange::Done(()))
        })
    }
}

/// Who asks, locked, if they are still who was checked.
fn asker<T>(
    conn: &mut Conn,
    asked_with: &TokenFacts,
    read: &User,
    now: Timestamp,
) -> Result<Result<User, OwnChange<T>>, StoreError> {
    let Some(user) = lock_whoever(conn, asked_with.user_id)? else { return Ok(Err(OwnChange::TokenEnded)) };
    lock_tokens(conn, user.id)?;
    // One that was revoked since they asked has ended, and one that was given a grace ends sooner: the password's check may
    // have taken long.
    let revoked = (tokens::revoked_at, tokens::grace_until);
    let found: Option<(Option<NaiveDateTime>, Option<NaiveDateTime>)> =
        tokens::table.find(asked_with.id).filter(unrevoked(now)).select(revoked).first(conn).optional()?;
    let asked = [asked_with.revoked_at, asked_with.grace_until].map(|moment| moment.map(Timestamp::naive));
    if found != Some(asked.into()) {
        return Ok(Err(OwnChange::TokenEnded));
    }
    let rights = |user: &User| (user.is_active, user.is_staff, user.is_superuser);
    let same = user.id == read.id && user.password == read.password && user.is_active && rights(&user) == rights(read);
    Ok(if same { Ok(user) } else { Err(OwnChange::UserChanged) })
}

fn live_own_tokens(conn: &mut Conn, user_id: i64, now: Timestamp) -> Result<i64, StoreError> {
    Ok(tokens::table
        .filter(tokens::user_id.eq(user_id))
        .filter(tokens::own.eq(true))
        .filter(unrevoked(now))
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
        .count()
        .get_result(conn)?)
}
