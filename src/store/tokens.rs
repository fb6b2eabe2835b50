//! The `tokens` table: creates, reads and lists tokens. The store never sees keys, only their digests.
//!
//! Rows are in `token_rows/`, logins in `login_tokens.rs`, users' own named tokens in `own.rs`, revocations in
//! `revocation.rs`.

use std::collections::HashMap;

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::Timestamp as SqlTimestamp;
use serde_json::json;

use super::connection::storable;
use super::schema::{tokens, users};
use super::token_rows::{FactsRow, MovedEnd, NewToken, TokenEnd, create, move_end, revoked, unrevoked};
use super::user_rows::{UserRow, lock, with_groups};
use super::{Changed, Store, StoreError, Updated, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::{FoundToken, ListedToken, TokenFacts, TokenSearch};
use crate::domain::user::User;

/// How many ids one query has at most.
const MAX_IDS: usize = 500;

/// Which live tokens a list has; `None` matches all.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiveTokens {
    /// Of this user.
    pub user_id: Option<i64>,
    /// That end by then: by their expiry, or with their grace period.
    pub ends_by: Option<Timestamp>,
    /// That nobody has used since then. One that was never used counts from its creation.
    pub unused_since: Option<Timestamp>,
}

impl LiveTokens {
    /// All of this user.
    #[must_use]
    pub const fn of_user(user_id: i64) -> Self {
        Self { user_id: Some(user_id), ends_by: None, unused_since: None }
    }
}

impl Store {
    /// Creates a named token for a user, if the user has not changed since they were read.
    pub fn create_token(
        &self,
        read: &User,
        new: &NewToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<TokenFacts>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.push(Change::created(&new.digest));
            create(conn, &user, new, by, now).map(Changed::Done)
        })
    }

    /// Live tokens, of one user or of all, oldest first, with their users' names.
    pub fn list_tokens(
        &self,
        which: LiveTokens,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<ListedToken>, StoreError> {
        let LiveTokens { user_id, ends_by, unused_since } = which;
        self.read(|conn| {
            let matching = || {
                let mut query = tokens::table
                    .inner_join(users::table)
                    .filter(unrevoked(now))
                    .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                    .into_boxed();
                if let Some(id) = user_id {
                    query = query.filter(tokens::user_id.eq(id));
                }
                if let Some(end) = ends_by {
                    // A live token that has `revoked_at` is in its grace period, which ends then.
                    let end = end.naive();
                    query = query.filter(tokens::expires_at.le(end).or(tokens::revoked_at.le(end)));
                }
                if let Some(since) = unused_since {
                    let since = since.naive();
                    let never_used = tokens::last_used_at.is_null().and(tokens::created_at.lt(since));
                    query = query.filter(tokens::last_used_at.lt(since).or(never_used));
                }
                query
            };
            let count = matching().count().get_result(conn)?;
            let page = page.in_list(count);
            let rows: Vec<(FactsRow, String, bool)> = matching()
                .order(tokens::id)
                .limit(page.size.into())
                .offset(page.offset())
                .select((FactsRow::as_select(), users::username, users::is_active))
                .load(conn)?;
            let listed = |(row, username, is_user_active): (FactsRow, String, bool)| ListedToken {
                token: row.into(),
                username,
                is_user_active,
            };
            Ok(Page { count, results: rows.into_iter().map(listed).collect() })
        })
    }

    /// Tokens of a user that have ended and whose rows are still there, the one that ended last first.
    pub fn list_ended_tokens(
        &self,
        user_id: i64,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenFacts>, StoreError> {
        self.read(|conn| {
            let matching = || {
                let has_ended = revoked(now).or(tokens::expires_at.le(now.naive()));
                tokens::table.filter(tokens::user_id.eq(user_id)).filter(has_ended)
            };
            let count = matching().count().get_result(conn)?;
            let page = page.in_list(count);
            // When it ended: the sooner of the two.
            let end =
                "case when revoked_at is null or expires_at < revoked_at then expires_at else revoked_at end desc";
            let rows: Vec<FactsRow> = matching()
                .order((sql::<SqlTimestamp>(end), tokens::id.desc()))
                .limit(page.size.into())
                .offset(page.offset())
                .select(FactsRow::as_select())
                .load(conn)?;
            Ok(Page { count, results: rows.into_iter().map(TokenFacts::from).collect() })
        })
    }

    /// A token, live or not, and its user.
    pub fn token(&self, id: i64) -> Result<Option<FoundToken>, StoreError> {
        let search = TokenSearch { id: Some(id), ..TokenSearch::default() };
        Ok(self.find_tokens(&search, 1)?.pop())
    }

    /// Tokens with this id or with these first characters, live or not: the one with the id first, then the newest.
    pub fn find_tokens(&self, search: &TokenSearch, limit: u32) -> Result<Vec<FoundToken>, StoreError> {
        self.read(|conn| {
            let all = || tokens::table.inner_join(users::table);
            let columns = || (FactsRow::as_select(), users::username, users::is_active);
            let mut found: Vec<(FactsRow, String, bool)> = Vec::new();
            if let Some(id) = search.id {
                found.extend(all().filter(tokens::id.eq(id)).select(columns()).load(conn)?);
            }
            if let Some(start) = search.key_start.as_ref().filter(|start| storable(start)) {
                let others = all().filter(tokens::hint.eq(start)).filter(tokens::id.ne(search.id.unwrap_or(0)));
                found.extend(others.order(tokens::id.desc()).limit(limit.into()).select(columns()).load(conn)?);
            }
            let found = found.into_iter().map(|(row, username, is_user_active)| FoundToken {
                token: row.into(),
                username,
                is_user_active,
            });
            Ok(found.take(limit as usize).collect())
        })
    }

    /// How many live tokens each of these users has.
    pub fn count_tokens_by_user(&self, user_ids: &[i64], now: Timestamp) -> Result<HashMap<i64, i64>, StoreError> {
        self.read(|conn| {
            let mut counts = HashMap::with_capacity(user_ids.len());
            for ids in user_ids.chunks(MAX_IDS) {
                let live = tokens::table
                    .filter(tokens::user_id.eq_any(ids.to_vec()))
                    .filter(unrevoked(now))
                    .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())));
                let counted = live.group_by(tokens::user_id).select((tokens::user_id, count_star()));
                counts.extend(counted.load::<(i64, i64)>(conn)?);
            }
            Ok(counts)
        })
    }

    /// Moves the end of a live token, if its owner has not changed since they were read.
    pub fn update_token(
        &self,
        owner: &User,
        id: i64,
        end: TokenEnd,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Updated>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, owner)? else { return Ok(Changed::UserChanged) };
            let end = match move_end(conn, user.id, id, end, now)? {
                MovedEnd::To(end) => end,
                MovedEnd::NotLive => return Ok(Changed::Done(Updated::NotLive)),
                MovedEnd::NeedsEnd => return Ok(Changed::Done(Updated::NeedsEnd)),
            };
            changes.push(Change::User(user.id));
            let details = match end {
                TokenEnd::Expiry(at) | TokenEnd::Shown(at) => json!({ "token": id, "expires_at": at }),
                TokenEnd::Grace(at) => json!({ "token": id, "grace_until": at }),
            };
            audit::record(conn, by, Action::TokenUpdate, &user.username, &details, now)?;
            Ok(Changed::Done(Updated::Done))
        })
    }

    /// The owner of a token, live or not.
    pub fn token_owner(&self, id: i64) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            let row: Option<UserRow> = tokens::table
                .inner_join(users::table)
                .filter(tokens::id.eq(id))
                .select(UserRow::as_select())
                .first(conn)
                .optional()?;
            Ok(with_groups(conn, row.into_iter().collect())?.pop())
        })
    }
}
