//! The token of a login: the existing one, or a new one.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{tokens, users};
use super::token_rows::{NewToken, insert, unrevoked, unseal, user_tokens};
use super::user_rows::lock_row;
use super::{Changed, Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;
use crate::domain::user::User;

/// The login token of single mode, as it is stored.
#[derive(Clone, Debug)]
pub struct SealedToken {
    /// Binds the seal to this row.
    pub digest: TokenDigest,
    /// The sealed key.
    pub sealed: Vec<u8>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// The result of issuing a login token.
#[derive(Clone, Debug)]
pub enum Issued {
    /// The new token is stored.
    New,
    /// Single mode: another login was first, and its live token is returned. The new one is not stored.
    Existing(SealedToken),
    /// The user has reached the limit of live login tokens.
    LimitReached,
    /// The user is gone, or was deactivated, or got another password, since they were read.
    UserChanged,
}

/// How a login token is issued.
#[derive(Clone, Copy, Debug)]
pub struct Issue {
    /// Single mode: a user has one sealed token, and an existing one is returned instead of the new one.
    pub single: bool,
    /// How many live login tokens a user may have.
    pub limit: Option<u32>,
    /// A sealed token that cannot be opened. It is not returned.
    pub unopenable: Option<TokenDigest>,
    /// Whether an existing sealed token stays sealed, for nodes that can open it.
    pub keeps_seal: bool,
    /// The action in the audit log: a login, or a token created by a command.
    pub action: Action,
}

impl Store {
    /// The token that a login returns again, if there is one and the user has not changed since the check.
    pub fn login_token(&self, user: &User, now: Timestamp) -> Result<Changed<Option<SealedToken>>, StoreError> {
        self.read(|conn| login_token(conn, user, now))
    }

    /// Issues a login token, if the user has not changed since the check.
    pub fn issue_login_token(
        &self,
        user: &User,
        new: &NewToken,
        issue: Issue,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Issued, StoreError> {
        self.change(|conn, changes| {
            lock_row(conn, user.id)?;
            match login_token(conn, user, now)? {
                Changed::UserChanged => return Ok(Issued::UserChanged),
                Changed::Done(Some(existing)) if issue.single && Some(existing.digest) != issue.unopenable => {
                    audit::record(conn, by, issue.action, &user.username, &json!({}), now)?;
                    return Ok(Issued::Existing(existing));
                }
                Changed::Done(_) => {}
            }
            if let Some(limit) = issue.limit
                && live_login_tokens(conn, user.id, now)? >= i64::from(limit)
            {
                return Ok(Issued::LimitReached);
            }
            if !issue.keeps_seal {
                unseal(conn, user.id)?;
            }
            changes.push(Change::created(&new.digest));
            let id = insert(conn, user.id, new, now)?;
            audit::record(conn, by, issue.action, &user.username, &json!({ "token": id }), now)?;
            Ok(Issued::New)
        })
    }
}

/// The live sealed token of a user whose password and `is_active` have not changed since they were read. All in one
/// statement, so that it reads one snapshot.
fn login_token(conn: &mut Conn, user: &User, now: Timestamp) -> Result<Changed<Option<SealedToken>>, StoreError> {
    type SealedColumns = (Option<Vec<u8>>, Option<Vec<u8>>, Option<NaiveDateTime>);
    let found: Option<SealedColumns> = users::table
        .left_join(
            tokens::table.on(tokens::user_id
                .eq(users::id)
                .and(tokens::sealed.is_not_null())
                .and(tokens::revoked_at.is_null())
                .and(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))),
        )
        .filter(users::id.eq(user.id))
        .filter(users::password.eq(user.password.as_str()))
        .filter(users::is_active.eq(user.is_active))
        .select((tokens::digest.nullable(), tokens::sealed.nullable(), tokens::expires_at.nullable()))
        .first(conn)
        .optional()?;
    Ok(match found {
        None => Changed::UserChanged,
        Some((Some(digest), Some(sealed), expires_at)) => Changed::Done(Some(SealedToken {
            digest: TokenDigest::from_bytes(&digest)
                .ok_or_else(|| StoreError::Failed("a token's digest has a wrong length".into()))?,
            sealed,
            expires_at: expires_at.map(Timestamp::from_naive),
        })),
        Some(_) => Changed::Done(None),
    })
}

fn live_login_tokens(conn: &mut Conn, user_id: i64, now: Timestamp) -> Result<i64, StoreError> {
    let is_unexpired = tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive()));
    Ok(user_tokens(user_id, false).filter(unrevoked(now)).filter(is_unexpired).count().get_result(conn)?)
}
