//! Changes that users make to their own account: with a login token and their password, or with a link for a password.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::new_password::set_new_password;
use super::password_links;
use super::schema::tokens;
use super::sessions::has_session;
use super::token_rows::{NewToken, create, insert, lock_tokens, unrevoked};
use super::user_rows::{lock, lock_by_id};
use super::{Changed, LinkUse, OwnChange, Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::password::PasswordHash;
use crate::domain::password_link::LinkDigest;
use crate::domain::session::{SessionDigest, SessionKind};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// With what users ask for a change to their own account.
#[derive(Clone, Debug)]
pub enum AskedWith {
    /// A login token.
    Token(TokenFacts),
    /// A session at `/account/`.
    Session(SessionDigest),
}

impl Store {
    /// Creates a named token for the user who asks. `read` is the user whose password was checked. A user may have at most `limit` live named tokens of their own.
    pub fn create_own_token(
        &self,
        asked_with: &AskedWith,
        read: &User,
        new: &NewToken,
        limit: Option<u32>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<OwnChange<TokenFacts>, StoreError> {
        self.change(|conn, changes| {
            let user = match lock_requester(conn, asked_with, read, now)? {
                Requester::Same(user) => user,
                Requester::TokenEnded => return Ok(OwnChange::TokenEnded),
                Requester::Changed => return Ok(OwnChange::UserChanged),
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

    /// Sets the password of the user who asks, and revokes all their login tokens, or replaces them by a new one.
    /// Parameters as for `create_own_token`.
    pub fn change_own_password(
        &self,
        asked_with: &AskedWith,
        read: &User,
        hash: &PasswordHash,
        new: Option<&NewToken>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<OwnChange<()>, StoreError> {
        self.change(|conn, changes| {
            let user = match lock_requester(conn, asked_with, read, now)? {
                Requester::Same(user) => user,
                Requester::TokenEnded => return Ok(OwnChange::TokenEnded),
                Requester::Changed => return Ok(OwnChange::UserChanged),
            };
            changes.push(Change::User(user.id));
            set_new_password(conn, user.id, hash, by, now)?;
            let details = match new {
                Some(new) => {
                    changes.push(Change::created(&new.digest));
                    json!({ "token": insert(conn, user.id, new, now)? })
                }
                None => json!({ "via": SessionKind::Account.as_str() }),
            };
            audit::record(conn, by, Action::UserPassword, &user.username, &details, now)?;
            Ok(OwnChange::Done(()))
        })
    }

    /// Sets the password of a user who has an open link, which ends with it. `read` is the link's user. They count as
    /// changed if their rights or `is_active` have changed since.
    pub fn use_password_link(
        &self,
        digest: &LinkDigest,
        read: &User,
        hash: &PasswordHash,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<LinkUse>, StoreError> {
        self.change(|conn, changes| {
            let is_same = |user: &User| user.is_active == read.is_active;
            let Some(user) = lock(conn, read)?.filter(is_same) else { return Ok(Changed::UserChanged) };
            if !password_links::take(conn, &user, digest, now)? {
                return Ok(Changed::Done(LinkUse::NotOpen));
            }
            changes.push(Change::User(user.id));
            set_new_password(conn, user.id, hash, by, now)?;
            audit::record(conn, by, Action::UserPassword, &user.username, &json!({ "via": "password_link" }), now)?;
            Ok(Changed::Done(LinkUse::Done))
        })
    }
}

/// The user who asks for a change to their own account.
enum Requester {
    /// The user, locked, and unchanged since the check.
    Same(Box<User>),
    /// The token was revoked, the session has ended, or the user is gone.
    TokenEnded,
    /// The password or the rights have changed since the check.
    Changed,
}

fn lock_requester(
    conn: &mut Conn,
    asked_with: &AskedWith,
    read: &User,
    now: Timestamp,
) -> Result<Requester, StoreError> {
    let user_id = match asked_with {
        AskedWith::Token(token) => token.user_id,
        AskedWith::Session(_) => read.id,
    };
    let Some(user) = lock_by_id(conn, user_id)? else { return Ok(Requester::TokenEnded) };
    lock_tokens(conn, user.id)?;
    let is_open = match asked_with {
        AskedWith::Token(token) => is_as_at_request(conn, token, now)?,
        AskedWith::Session(digest) => has_session(conn, user.id, digest)?,
    };
    if !is_open {
        return Ok(Requester::TokenEnded);
    }
    let rights = |user: &User| (user.is_active, user.is_staff, user.is_superuser);
    let is_unchanged =
        user.id == read.id && user.password == read.password && user.is_active && rights(&user) == rights(read);
    Ok(if is_unchanged { Requester::Same(Box::new(user)) } else { Requester::Changed })
}

fn is_as_at_request(conn: &mut Conn, request_token: &TokenFacts, now: Timestamp) -> Result<bool, StoreError> {
    // The password check may have taken long. If the token was revoked meanwhile, at once or after a grace period, it
    // counts as ended.
    let revoked = (tokens::revoked_at, tokens::grace_until);
    let found: Option<(Option<NaiveDateTime>, Option<NaiveDateTime>)> =
        tokens::table.find(request_token.id).filter(unrevoked(now)).select(revoked).first(conn).optional()?;
    let at_request = [request_token.revoked_at, request_token.grace_until].map(|moment| moment.map(Timestamp::naive));
    Ok(found == Some(at_request.into()))
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
