//! The `tokens` table: creates, reads and lists tokens. The store never sees keys, only their digests.
//!
//! Rows are in `token_rows/`, logins in `login_tokens.rs`, users' own named tokens in `own.rs`, revocations in
//! `revocation.rs`.

use diesel::prelude::*;

use super::schema::{tokens, users};
use super::token_rows::{FactsRow, NewToken, create, unrevoked};
use super::user_rows::{UserRow, lock, with_groups};
use super::{Changed, Store, StoreError};
use crate::domain::audit::Actor;
use crate::domain::change::Change;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::{ListedToken, TokenFacts};
use crate::domain::user::User;

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
            let rows: Vec<(FactsRow, String)> = matching()
                .order(tokens::id)
                .limit(page.size.into())
                .offset(page.offset())
                .select((FactsRow::as_select(), users::username))
                .load(conn)?;
            let listed = |(row, username): (FactsRow, String)| ListedToken { token: row.into(), username };
            Ok(Page { count, results: rows.into_iter().map(listed).collect() })
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
