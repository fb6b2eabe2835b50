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
        user_id: Option<i64>,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<ListedToken>, StoreError> {
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
