//! Lists live tokens, for staff.

use std::time::Duration;

use crate::domain::page::{Page, PageRequest};
use crate::domain::token::ListedToken;
use crate::service::{Error, Staff, Tokens};
use crate::store::LiveTokens;

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
}
