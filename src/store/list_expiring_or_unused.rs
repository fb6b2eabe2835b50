//! Lists live tokens that somebody should look at: those that end soon, and those that nobody uses.

use diesel::prelude::*;

use super::schema::{tokens, users};
use super::token_rows::{FactsRow, unrevoked};
use super::{Store, StoreError};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::ListedToken;

/// Which tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiringOrUnused {
    /// That expire by then, the first ones first.
    ExpiringBy(Timestamp),
    /// That nobody has used since then; one that was never used counts from its creation. The oldest first.
    UnusedSince(Timestamp),
    /// The same, without tokens of logins.
    NamedUnusedSince(Timestamp),
}

impl Store {
    /// Live tokens of active users. Only the first `count_limit` are counted; a larger count says that there are more.
    pub fn list_expiring_or_unused(
        &self,
        which: ExpiringOrUnused,
        page: PageRequest,
        count_limit: u32,
        now: Timestamp,
    ) -> Result<Page<ListedToken>, StoreError> {
        self.read(|conn| {
            let matching = || {
                let live =
                    tokens::table.inner_join(users::table).filter(users::is_active).filter(unrevoked(now)).into_boxed();
                match which {
                    ExpiringOrUnused::ExpiringBy(end) => live
                        .filter(tokens::expires_at.gt(now.naive()))
                        .filter(tokens::expires_at.le(end.naive()))
                        .order((tokens::expires_at, tokens::id)),
                    ExpiringOrUnused::UnusedSince(since) | ExpiringOrUnused::NamedUnusedSince(since) => {
                        let named = matches!(which, ExpiringOrUnused::NamedUnusedSince(_));
                        let since = since.naive();
                        let never_used = tokens::last_used_at.is_null().and(tokens::created_at.lt(since));
                        let live = if named { live.filter(tokens::name.is_not_null()) } else { live };
                        live.filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
                            .filter(tokens::last_used_at.lt(since).or(never_used))
                            .order(tokens::id)
                    }
                }
            };
            let counted: Vec<i64> = matching().limit(i64::from(count_limit) + 1).select(tokens::id).load(conn)?;
            let count = counted.len().try_into().unwrap_or(i64::MAX);
            let page = page.in_list(count);
            let rows: Vec<(FactsRow, String)> = matching()
                .limit(page.size.into())
                .offset(page.offset())
                .select((FactsRow::as_select(), users::username))
                .load(conn)?;
            let listed =
                |(row, username): (FactsRow, String)| ListedToken { token: row.into(), username, is_user_active: true };
            Ok(Page { count, results: rows.into_iter().map(listed).collect() })
        })
    }
}
