//! Lists tokens, and finds them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::page::{Page, PageRequest};
use crate::domain::token::{FoundToken, ListedToken, TokenFacts, TokenSearch};
use crate::domain::user::User;
use crate::service::{AccountHolder, CountedTokens, Error, Staff, Tokens, UNUSED};
use crate::store::{LiveTokens, PartOfTokens, Store, UnusedSince};

/// Which live tokens a list has; `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct TokenListFilter {
    /// The user's name.
    pub username: Option<String>,
    /// Tokens that end within this time.
    pub expiring: Option<Duration>,
    /// Tokens that nobody has used for this time. One that was never used counts from its creation.
    pub unused: Option<Duration>,
}

impl TokenListFilter {
    /// All of one user.
    #[must_use]
    pub fn of_user(username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..Self::default() }
    }
}

impl Tokens {
    /// The live tokens of whoever asks.
    pub async fn list_own_tokens(&self, asker: &AccountHolder, page: PageRequest) -> Result<Page<TokenFacts>, Error> {
        let (user_id, now) = (asker.user().id, self.clock.now());
        let page = self.database.run(move |store| store.list_tokens(LiveTokens::of_user(user_id), page, now)).await?;
        Ok(page.map(|listed| listed.token))
    }

    /// Live tokens, by id, with their users' names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user is unknown.
    pub async fn list_tokens(
        &self,
        filter: &TokenListFilter,
        page: PageRequest,
        caller: &Staff,
    ) -> Result<Page<ListedToken>, Error> {
        let TokenListFilter { username, expiring, unused } = filter;
        let user_id = match username {
            Some(name) => Some(self.accounts.user(name, caller).await?.id),
            None => None,
        };
        let now = self.clock.now();
        let which = LiveTokens {
            user_id,
            ends_by: expiring.map(|span| now.after(span)),
            unused_since: unused.map(|span| now.before(span)),
        };
        self.database.run(move |store| store.list_tokens(which, page, now)).await
    }

    /// Live tokens of active users that end within this time, the first ones first. Only the first `count_limit` are
    /// counted.
    pub async fn list_expiring_tokens(
        &self,
        within: Duration,
        page: PageRequest,
        count_limit: u32,
        _: &Staff,
    ) -> Result<PartOfTokens, Error> {
        let now = self.clock.now();
        let end = now.after(within);
        self.database.run(move |store| store.list_expiring_tokens(end, page, count_limit, now)).await
    }

    /// Live tokens of active users that nobody has used for [`UNUSED`], the oldest first; all of them, or only named ones.
    /// Of many tokens only the oldest are searched, and those that were found when all were counted. Only the first
    /// `count_limit` are counted.
    pub async fn list_unused_tokens(
        &self,
        is_named: bool,
        found: Option<Arc<CountedTokens>>,
        page: PageRequest,
        count_limit: u32,
        _: &Staff,
    ) -> Result<PartOfTokens, Error> {
        let now = self.clock.now();
        let unused = UnusedSince { moment: now.before(UNUSED), is_named };
        let list = move |store: &Store| {
            let found = found.as_ref().map_or(&[][..], |found| found.unused(is_named));
            store.list_unused_tokens(unused, found, page, count_limit, now)
        };
        self.database.run(list).await
    }

    /// Tokens of a user that have ended, the one that ended last first.
    pub async fn list_ended_tokens(
        &self,
        user: &User,
        page: PageRequest,
        _: &Staff,
    ) -> Result<Page<TokenFacts>, Error> {
        let (user_id, now) = (user.id, self.clock.now());
        self.database.run(move |store| store.list_ended_tokens(user_id, page, now)).await
    }

    /// A token, live or not. With `whose` it must be a token of the user with this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn token(&self, id: i64, whose: Option<&str>, _: &Staff) -> Result<FoundToken, Error> {
        let found = self.database.run(move |store| store.token(id)).await?;
        found.filter(|found| whose.is_none_or(|name| name == found.username)).ok_or(Error::NotFound)
    }

    /// Tokens that a text names by their id or the first characters of their key, live or not.
    pub async fn find_tokens(&self, search: TokenSearch, limit: u32, _: &Staff) -> Result<Vec<FoundToken>, Error> {
        if search.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(move |store| store.find_tokens(&search, limit)).await
    }

    /// How many live tokens each of these users has.
    pub async fn count_tokens_by_user(&self, user_ids: Vec<i64>, _: &Staff) -> Result<HashMap<i64, i64>, Error> {
        let now = self.clock.now();
        self.database.run(move |store| store.count_tokens_by_user(&user_ids, now)).await
    }
}
