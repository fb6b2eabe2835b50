//! Tokens of users: created, listed, regenerated, revoked and explained.

mod explain;
mod list;
mod named;
mod regenerate;
mod revoke;
mod revoke_many;
mod update;

use std::sync::Arc;

use super::accounts::Accounts;
use super::base::Base;
use super::database::Database;
use super::error::Error;
use super::introspection::Introspect;
use super::login_tokens::LoginTokens;
use super::policy::Policy;
use super::rights::Staff;
use super::sign_in::SignIn;
use crate::domain::time::Clock;
use crate::domain::user::User;
pub use explain::{ExplainedText, Explanation};
pub use list::TokenListFilter;
pub use named::{CreatedToken, NamedToken};
pub use regenerate::RegenerateOptions;
pub use revoke::Revoker;
pub use revoke_many::TokenFilter;
pub use update::{EXTENDED_BY_USE, EndTime, NewEnd};

/// Tokens of users.
#[expect(clippy::struct_field_names, reason = "the name of another group")]
pub struct Tokens {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    introspection: Arc<Introspect>,
    login_tokens: Arc<LoginTokens>,
    sign_in: Arc<SignIn>,
    accounts: Arc<Accounts>,
}

impl Tokens {
    pub(in crate::service) fn new(
        base: &Base,
        introspection: &Arc<Introspect>,
        login_tokens: &Arc<LoginTokens>,
        sign_in: &Arc<SignIn>,
        accounts: &Arc<Accounts>,
    ) -> Self {
        Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            introspection: Arc::clone(introspection),
            login_tokens: Arc::clone(login_tokens),
            sign_in: Arc::clone(sign_in),
            accounts: Arc::clone(accounts),
        }
    }

    /// The owner of anybody's token, for a change of it. With `whose` it must be the user with this name. Their pending
    /// usage is written: a use that is written after the change must not move an end back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such token; [`Error::PermissionDenied`].
    async fn owner_to_change(&self, id: i64, whose: Option<&str>, caller: &Staff) -> Result<User, Error> {
        let owner = self.database.run(move |store| store.token_owner(id)).await?.ok_or(Error::NotFound)?;
        caller.require_power_over(&owner)?;
        if whose.is_some_and(|name| name != owner.username) {
            return Err(Error::NotFound);
        }
        self.introspection.flush_user_usage(owner.id).await?;
        Ok(owner)
    }
}
