//! Creates tokens without a login.

use std::time::Duration;

use crate::domain::audit::Action;
use crate::domain::duration;
use crate::domain::password::Password;
use crate::domain::rights::Rights;
use crate::domain::safe_text::changes_direction;
use crate::domain::scope;
use crate::domain::time::Timestamp;
use crate::domain::token::{Token, TokenFacts};
use crate::domain::user::User;
use crate::service::messages::{CHANGES_DIRECTION, WRONG_PASSWORD};
use crate::service::{AccountHolder, ChangeableUser, Error, Faults, Tokens};
use crate::store::NewToken;

/// The longest name of a token, in characters.
const MAX_TOKEN_NAME_CHARS: usize = 100;

/// The input for a new named token.
#[derive(Clone, Debug)]
pub struct NamedToken {
    /// 1 to 100 characters.
    pub name: String,
    /// Scopes, separated by blanks; may be empty.
    pub scope: String,
    /// How long it lives; `None`: without end.
    pub expires_in: Option<Duration>,
}

/// A named token that was created.
#[derive(Clone, Debug)]
pub struct CreatedToken {
    /// Its key, in the clear.
    pub key: Token,
    /// Its row.
    pub facts: TokenFacts,
}

/// A named token that is to be stored.
struct Draft {
    key: Token,
    new: NewToken,
    now: Timestamp,
}

impl Tokens {
    /// The user's login token, as a login would give it; for commands, which need no password.
    ///
    /// # Errors
    /// As [`crate::service::Accounts::user_to_change`], when the user has changed since.
    pub async fn create_login_token(&self, target: &ChangeableUser) -> Result<Token, Error> {
        self.accounts
            .change_user(target, async |user: User| {
                let by = &target.caller().actor;
                let issued = self.login_tokens.login_token(&user, by, Action::TokenCreate).await?;
                Ok(issued.map(|login| login.token))
            })
            .await
    }

    /// Creates a named token for a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] by field.
    pub async fn create_named_token(&self, target: &ChangeableUser, wanted: NamedToken) -> Result<CreatedToken, Error> {
        self.accounts
            .change_user(target, async |user: User| {
                let Draft { key, new, now } = self.new_named_token(&wanted, None)?;
                let actor = target.caller().actor.clone();
                let facts = self.database.run(move |store| store.create_token(&user, &new, &actor, now)).await?;
                Ok(facts.map(|facts| CreatedToken { key, facts }))
            })
            .await
    }

    /// Creates a named token for whoever asks. The password is required, so that a thief of a key cannot create a
    /// permanent one.
    ///
    /// # Errors
    /// [`Error::Invalid`] by field, also for a wrong password; [`Error::Throttled`], [`Error::Busy`];
    /// [`Error::TokenLimit`] when they have reached the limit;
    /// [`Error::NotAuthenticated`] when their token was revoked meanwhile, or their session has ended.
    pub async fn create_own_token(
        &self,
        asker: &AccountHolder,
        wanted: NamedToken,
        password: Password,
    ) -> Result<CreatedToken, Error> {
        let caller = asker.caller();
        let Draft { key, new, .. } = self.new_named_token(&wanted, Some(caller.rights))?;
        let limit = self.policy.named_tokens_per_user;
        let make = async |user: User| {
            // The password check took a while; rights may have changed.
            let mut faults = Faults::default();
            self.check_own(&new.scope, wanted.expires_in, Rights::of(user.is_staff, user.is_superuser), &mut faults);
            faults.into_result()?;
            let now = self.clock.now();
            let new = NewToken { own: true, expires_at: wanted.expires_in.map(|span| now.after(span)), ..new.clone() };
            let (asked_with, actor) = (asker.asked_with().clone(), caller.actor.clone());
            let made = self
                .database
                .run(move |store| store.create_own_token(&asked_with, &user, &new, limit, &actor, now))
                .await?;
            Ok(made.into())
        };
        let mut wrong = Faults::default();
        wrong.add("password", WRONG_PASSWORD);
        let facts = self.sign_in.with_confirmed_password(asker, password, wrong, asker.via("/tokens/"), make).await?;
        Ok(CreatedToken { key, facts })
    }

    /// Checks a new named token, and makes its key. `creator_rights`: the rights of a user who creates it for
    /// themselves.
    fn new_named_token(&self, wanted: &NamedToken, creator_rights: Option<Rights>) -> Result<Draft, Error> {
        let mut faults = Faults::default();
        let name = wanted.name.trim().to_owned();
        if name.is_empty() {
            faults.add("name", "This field may not be blank.");
        } else if name.chars().count() > MAX_TOKEN_NAME_CHARS {
            faults.add("name", format!("Ensure this field has no more than {MAX_TOKEN_NAME_CHARS} characters."));
        } else if name.contains('\0') {
            faults.add("name", "Null characters are not allowed.");
        } else if name.contains(changes_direction) {
            faults.add("name", CHANGES_DIRECTION);
        }
        let scope = scope::normalise(&wanted.scope).unwrap_or_else(|message| {
            faults.add("scope", message);
            String::new()
        });
        if let Some(rights) = creator_rights {
            self.check_own(&scope, wanted.expires_in, rights, &mut faults);
        }
        faults.into_result()?;
        let now = self.clock.now();
        let key = Token::generate(self.policy.token_prefix.as_deref());
        let new = NewToken {
            digest: key.digest(),
            sealed: None,
            name: Some(name),
            scope,
            key_start: key.key_start(),
            expires_at: wanted.expires_in.map(|span| now.after(span)),
            own: false,
        };
        Ok(Draft { key, new, now })
    }

    /// Rejects scopes and lifetimes that users may not give to their own tokens.
    fn check_own(&self, scopes: &str, expires_in: Option<Duration>, rights: Rights, faults: &mut Faults) {
        let may_give = |scope: &str| rights >= Rights::Staff || scope::has(&self.policy.user_scopes, scope);
        for scope in scope::each(scopes).filter(|scope| !may_give(scope)) {
            faults.add("scope", format!("\"{scope}\" is not a valid choice."));
        }
        match (self.policy.named_token_max_ttl, expires_in) {
            (Some(_), None) => faults.add("expires_in", "This field is required."),
            (Some(longest), Some(span)) if span > longest => {
                let longest = duration::text(longest);
                faults.add("expires_in", format!("Ensure this value is less than or equal to {longest}."));
            }
            _ => {}
        }
    }
}
