//! Lists tokens, and finds them.

use std::collections::HashMap;

use crate::domain::page::{Page, PageRequest};
use crate::domain::token::{FoundToken, ListedToken, TokenFacts, TokenSearch};
use crate::domain::user::User;
use crate::service::{Error, LoginHolder, Staff, Tokens};

impl Tokens {
    /// The holder's live tokens.
    pub async fn list_own_tokens(&self, asker: &LoginHolder, page: PageRequest) -> Result<Page<TokenFacts>, Error> {
        let (user_id, now) = (asker.holder().user.id, self.clock.now());
        let page = self.database.run(move |store| store.list_tokens(Some(user_id), page, now)).await?;
        Ok(page.map(|listed| listed.token))
    }

    /// Live tokens, of one user or of all, with their users' names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user is unknown.
    pub async fn list_tokens(
        &self,
        username: Option<&str>,
        page: PageRequest,
        caller: &Staff,
    ) -> Result<Page<ListedToken>, Error> {
        let user_id = match username {
            Some(name) => Some(self.accounts.user(name, caller).await?.id),
            None => None,
        };
        let now = self.clock.now();
        self.database.run(move |store| store.list_tokens(user_id, page, now)).await
    }

    /// Tokens of a user that have ended, newest first.
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
