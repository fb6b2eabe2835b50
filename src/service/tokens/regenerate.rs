//! Replaces a user's login tokens by a new one, after a key has leaked.

use std::time::Duration;

use crate::domain::user::User;
use crate::service::{ChangeableUser, Error, LoginToken, Tokens};
use crate::store::Regenerate;

/// Which tokens end, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegenerateOptions {
    /// How much longer the old tokens live.
    pub grace: Option<Duration>,
    /// Whether named tokens end, too.
    pub all: bool,
}

impl Tokens {
    /// Ends a user's login tokens and creates a new one.
    ///
    /// # Errors
    /// As [`crate::service::Accounts::user_to_change`], when the user has changed since.
    pub async fn regenerate(&self, target: &ChangeableUser, options: RegenerateOptions) -> Result<LoginToken, Error> {
        self.accounts
            .change_user(target, async |user: User| {
                let now = self.clock.now();
                let expires_at = self.policy.login_expiry(now);
                let (token, new) = self.login_tokens.new_login_token(user.id, expires_at);
                // A grace of zero means none: the old tokens end whatever the clocks say.
                let grace = options.grace.filter(|grace| !grace.is_zero());
                let how = Regenerate { all: options.all, grace_until: grace.map(|grace| now.after(grace)) };
                let actor = target.caller().actor.clone();
                let changed =
                    self.database.run(move |store| store.regenerate_token(&user, &new, how, &actor, now)).await?;
                Ok(changed.map(|()| LoginToken { token, expires_at }))
            })
            .await
    }
}
