//! The `tokens` table. Keys never come here: only their digests, and the sealed form of the one login token.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

use super::connection::Conn;
use super::schema::{tokens, users};
use super::users::{Row as UserRow, lock, lock_id, with_groups};
use super::{Store, StoreError, audit, storable};
use crate::domain::audit::{Action, Actor};
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
}

/// The login token of single mode, as it is stored.
#[derive(Clone, Debug)]
pub struct SealedToken {
    /// Binds the seal to this row.
    pub digest: TokenDigest,
    /// The sealed key.
    pub sealed: Vec<u8>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What a login finds.
#[derive(Clone, Debug)]
pub enum LoginToken {
    /// The user is gone, or was deactivated, or got another password, since they were read.
    UserChanged,
    /// There is no live sealed token yet.
    None,
    /// The one to hand out again.
    Live(SealedToken),
}

/// How a login's token is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Issue {
    /// One sealed token a user (single mode): one that is there already wins over the new one.
    pub single: bool,
    /// How many live login tokens a user may have.
    pub limit: Option<u32>,
    /// A sealed token that does not open, and so counts as none.
    pub unopenable: Option<TokenDigest>,
    /// What the audit log says of it: a login, or a token made by a command.
    pub action: Action,
}

/// What regenerate takes away.
#[derive(Clone, Copy, Debug)]
pub struct Regenerate {
    /// Named tokens too.
    pub all: bool,
    /// The old ones live on until then.
    pub grace_until: Option<Timestamp>,
}

type FactsRow = (
    i64,
    i64,
    Option<String>,
    String,
    String,
    NaiveDateTime,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
    Option<NaiveDateTime>,
    Option<String>,
    Option<String>,
);

/// All columns but the digest and the sealed key.
const FACTS: (
    tokens::id,
    tokens::user_id,
    tokens::name,
    tokens::scope,
    tokens::hint,
    tokens::created_at,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::revoked_at,
    tokens::revoked_by,
    tokens::client,
) = (
    tokens::id,
    tokens::user_id,
    tokens::name,
    tokens::scope,
    tokens::hint,
    tokens::created_at,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::revoked_at,
    tokens::revoked_by,
    tokens::client,
);

fn facts(row: FactsRow) -> TokenFacts {
    let (id, user_id, name, scope, hint, created_at, expires_at, last_used_at, revoked_at, revoked_by, client) = row;
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
        revoked_by,
        client,
    }
}

impl Store {
    /// The tokens with these digests and their users, dead ones too; one statement for all, and one for the groups.
    pub fn tokens(&self, digests: &[TokenDigest]) -> Result<HashMap<TokenDigest, (TokenFacts, User)>, StoreError> {
        let wanted: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        self.read(|conn| {
            let rows: Vec<(Vec<u8>, FactsRow, UserRow)> = tokens::table
                .inner_join(users::table)
                .filter(tokens::digest.eq_any(wanted))
                .select((tokens::digest, FACTS, users::all_columns))
                .load(conn)?;
            let mut found = Vec::with_capacity(rows.len());
            let mut owners: HashMap<i64, UserRow> = HashMap::new();
            for (digest, token, user) in rows {
                let digest = TokenDigest::from_bytes(&digest)
                    .ok_or_else(|| StoreError::Failed("a token's digest has a wrong length".into()))?;
                found.push((digest, facts(token), user.0));
                owners.insert(user.0, user);
            }
            let owners = with_groups(conn, owners.into_values().collect())?;
            let owners: HashMap<i64, User> = owners.into_iter().map(|user| (user.id, user)).collect();
            Ok(found
                .into_iter()
                .filter_map(|(digest, token, owner)| Some((digest, (token, owners.get(&owner)?.clone()))))
                .collect())
        })
    }

    /// The token to hand out again at a login, if the user still is who was checked.
    pub fn login_token(&self, user: &User, now: Timestamp) -> Result<LoginToken, StoreError> {
        self.read(|conn| login_token(conn, user, now))
    }

    /// Makes a login's token, if the user still is who was checked. In single mode a live one that another login made
    /// first is given back instead. `None`: the limit is reached.
    pub fn issue_login_token(
        &self,
        user: &User,
        new: &NewToken,
        issue: Issue,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<LoginToken>, StoreError> {
        self.write(|conn| {
            lock_id(conn, user.id)?;
            let found = login_token(conn, user, now)?;
            match &found {
                LoginToken::UserChanged => return Ok(Some(found)),
                LoginToken::Live(there) if issue.single && Some(there.digest) != issue.unopenable => {
                    audit::record(conn, by, issue.action, &user.username, &json!({}), now)?;
                    return Ok(Some(found));
                }
                LoginToken::Live(_) | LoginToken::None => {}
            }
            if let Some(limit) = issue.limit
                && live_login_tokens(conn, user.id, now)? >= i64::from(limit)
            {
                return Ok(None);
            }
            unseal(conn, user.id)?;
            let id = insert(conn, user.id, new, now)?;
            audit::record(conn, by, issue.action, &user.username, &json!({ "token": id }), now)?;
            Ok(Some(LoginToken::None))
        })
    }

    /// Ends a user's login tokens and stores a new one in their place; `false` when there is no such user.
    pub fn regenerate_token(
        &self,
        username: &str,
        new: &NewToken,
        how: Regenerate,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(|conn| {
            let Some(user) = lock(conn, username)? else { return Ok(false) };
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
            audit::record(conn, by, Action::TokenRegenerate, username, &details, now)?;
            Ok(true)
        })
    }

    /// Makes a token for a user; `None` when there is no such user.
    pub fn create_token(
        &self,
        username: &str,
        new: &NewToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<TokenFacts>, StoreError> {
        self.write(|conn| {
            let Some(user) = lock(conn, username)? else { return Ok(None) };
            let id = insert(conn, user.id, new, now)?;
            let details = json!({ "token": id, "name": new.name, "scope": new.scope });
            audit::record(conn, by, Action::TokenCreate, username, &details, now)?;
            Ok(Some(facts(tokens::table.find(id).select(FACTS).first(conn)?)))
        })
    }

    /// Live tokens, of one user or of all, by age, with their users' names.
    pub fn list_tokens(
        &self,
        username: Option<&str>,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<(TokenFacts, String)>, StoreError> {
        if username.is_some_and(|name| !storable(name)) {
            return Ok(Page { count: 0, results: Vec::new() });
        }
        self.read(|conn| {
            let matching = || {
                let query = tokens::table
                    .inner_join(users::table)
                    .filter(tokens::revoked_at.is_null().or(tokens::revoked_at.gt(now.naive())))
                    .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                    .into_boxed();
                match username {
                    Some(name) => query.filter(users::username.eq(name.to_owned())),
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

    /// Revokes a token; `false` when there is no live one with this id.
    pub fn revoke_token(&self, id: i64, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|conn| {
            let revoked = diesel::update(tokens::table.find(id))
                .filter(tokens::revoked_at.is_null().or(tokens::revoked_at.gt(now.naive())))
                .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                .set(revocation(by, now))
                .execute(conn)?;
            if revoked == 0 {
                return Ok(false);
            }
            let owner: String =
                tokens::table.inner_join(users::table).filter(tokens::id.eq(id)).select(users::username).first(conn)?;
            audit::record(conn, by, Action::TokenRevoke, &owner, &json!({ "token": id }), now)?;
            Ok(true)
        })
    }

    /// Revokes all live login tokens of a user; `false` when there is no such user.
    pub fn revoke_login_tokens(&self, username: &str, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|conn| {
            let Some(user) = lock(conn, username)? else { return Ok(false) };
            let revoked = revoke_login_tokens(conn, user.id, by, now)?;
            audit::record(conn, by, Action::TokenRevoke, username, &json!({ "login_tokens": revoked }), now)?;
            Ok(true)
        })
    }
}

/// The live sealed token of a user who still is as they were read: as active, with the same password. One statement,
/// so that it sees one moment.
fn login_token(conn: &mut Conn, user: &User, now: Timestamp) -> Result<LoginToken, StoreError> {
    type Found = (Option<Vec<u8>>, Option<Vec<u8>>, Option<NaiveDateTime>);
    let found: Option<Found> = users::table
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
        None => LoginToken::UserChanged,
        Some((Some(digest), Some(sealed), expires_at)) => LoginToken::Live(SealedToken {
            digest: TokenDigest::from_bytes(&digest)
                .ok_or_else(|| StoreError::Failed("a token's digest has a wrong length".into()))?,
            sealed,
            expires_at: expires_at.map(Timestamp::from_naive),
        }),
        Some(_) => LoginToken::None,
    })
}

fn live_login_tokens(conn: &mut Conn, user_id: i64, now: Timestamp) -> Result<i64, StoreError> {
    Ok(ending(user_id, false, now).count().get_result(conn)?)
}

/// A user's live tokens: their login tokens, or all.
#[diesel::dsl::auto_type(no_type_alias)]
fn ending(user_id: i64, all: bool, now: Timestamp) -> _ {
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
fn unseal(conn: &mut Conn, user_id: i64) -> Result<(), StoreError> {
    diesel::update(tokens::table.filter(tokens::user_id.eq(user_id)).filter(tokens::sealed.is_not_null()))
        .set(tokens::sealed.eq(None::<Vec<u8>>))
        .execute(conn)?;
    Ok(())
}

fn insert(conn: &mut Conn, user_id: i64, new: &NewToken, now: Timestamp) -> Result<i64, StoreError> {
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
        ))
        .returning(tokens::id)
        .get_result(conn)?)
}
