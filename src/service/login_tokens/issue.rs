//! Issues the token of a login: in single mode the existing one, otherwise a new one.

use serde_json::json;

use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::token::{Token, TokenMode};
use crate::domain::user::User;
use crate::service::introspection::UserUsage;
use crate::service::{Error, LoginTokens};
use crate::store::{Changed, Issue, Issued, MetaKey, NewToken, SealedToken, StoreError};

/// A login token to hand out.
#[derive(Clone, Debug)]
pub struct LoginToken {
    /// The key, in the clear.
    pub token: Token,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl LoginTokens {
    /// The user's login token: in single mode the existing one, otherwise a new one. A user who was deactivated or got
    /// another password since they were read counts as changed.
    ///
    /// # Errors
    /// [`Error::TokenLimit`], [`Error::Store`].
    pub(in crate::service) async fn login_token(
        &self,
        user: &User,
        by: &Actor,
        action: Action,
    ) -> Result<Changed<LoginToken>, Error> {
        let single = self.policy.token_mode == TokenMode::Single;
        let limit = if single { None } else { self.policy.token_limit_per_user };
        if single && self.sealer().is_none() {
            return Err(super::no_secret_key().into());
        }
        let mut issue = Issue { single, limit, unopenable: None, keeps_seal: false, action };
        let now = self.clock.now();
        if limit.is_some() {
            // The limit is counted in the database, so usage that extends an expiry must be written first.
            self.introspection.flush_user_usage(user.id).await?;
        }
        if single {
            let mut found = self.stored_login_token(user, now).await?;
            if matches!(found, Changed::Done(None))
                && self.introspection.flush_user_usage(user.id).await? == UserUsage::Written
            {
                found = self.stored_login_token(user, now).await?;
            }
            match found {
                Changed::UserChanged => return Ok(Changed::UserChanged),
                Changed::Done(Some(row)) => match self.open(user, &row).await {
                    Some(token) => {
                        let (by, name) = (by.clone(), user.username.clone());
                        self.database.run(move |store| store.record(&by, action, &name, &json!({}), now)).await?;
                        return Ok(Changed::Done(LoginToken { token, expires_at: row.expires_at }));
                    }
                    None if self.lacks_current_key().await? => return self.additional_token(user, issue, by).await,
                    None => issue.unopenable = Some(row.digest),
                },
                Changed::Done(None) => {}
            }
        }
        let expires_at = self.policy.login_expiry(now);
        let (token, new) = self.new_login_token(user.id, expires_at);
        let (owner, actor, by) = (user.clone(), by.clone(), by.clone());
        let issued = self.database.run(move |store| store.issue_login_token(&owner, &new, issue, &by, now)).await?;
        match issued {
            Issued::New => Ok(Changed::Done(LoginToken { token, expires_at })),
            Issued::UserChanged => Ok(Changed::UserChanged),
            Issued::LimitReached => Err(Error::TokenLimit),
            Issued::Existing(row) => match self.open(user, &row).await {
                Some(token) => Ok(Changed::Done(LoginToken { token, expires_at: row.expires_at })),
                None if self.lacks_current_key().await? => self.additional_token(user, issue, &actor).await,
                None => Err(Error::Store(StoreError::Failed("cannot open a sealed token".into()))),
            },
        }
    }

    async fn stored_login_token(&self, user: &User, now: Timestamp) -> Result<Changed<Option<SealedToken>>, Error> {
        let owner = user.clone();
        self.database.run(move |store| store.login_token(&owner, now)).await
    }

    /// A new login token: its key and its row, which has the sealed key in single mode.
    pub(in crate::service) fn new_login_token(&self, user_id: i64, expires_at: Option<Timestamp>) -> (Token, NewToken) {
        let token = Token::generate(self.policy.token_prefix.as_deref());
        let digest = token.digest();
        let sealer = self.sealer().filter(|_| self.policy.token_mode == TokenMode::Single);
        let new = NewToken {
            digest,
            sealed: sealer.map(|sealer| sealer.seal(&token, user_id, &digest)),
            name: None,
            scope: self.policy.login_scope.clone(),
            key_start: token.key_start(),
            expires_at,
            own: false,
        };
        (token, new)
    }

    /// Opens a sealed token. One that was sealed under an older secret key is resealed.
    async fn open(&self, user: &User, row: &SealedToken) -> Option<Token> {
        let Some(opened) = self.sealer()?.open(&row.sealed, user.id, &row.digest) else {
            log::error!(
                user_id = user.id;
                "cannot open a sealed token: it was sealed under a secret key that this node does not have, \
                 or its row was changed by hand"
            );
            return None;
        };
        if opened.is_outdated() {
            self.reseal_one(user.id, row).await;
        }
        Some(opened.token)
    }

    /// Whether the database's secret key was replaced by one that this node does not have.
    async fn lacks_current_key(&self) -> Result<bool, Error> {
        let Some(sealer) = self.sealer() else { return Ok(false) };
        let current = self.database.run(|store| store.meta(MetaKey::SecretKeyCheck)).await?;
        Ok(current.is_some_and(|current| sealer.position_of(&current).is_none()))
    }

    /// An additional login token, on a node that cannot open the sealed one. Other nodes can, and keep handing it out.
    async fn additional_token(&self, user: &User, issue: Issue, by: &Actor) -> Result<Changed<LoginToken>, Error> {
        let now = self.clock.now();
        let expires_at = self.policy.login_expiry(now);
        let (token, new) = self.new_login_token(user.id, expires_at);
        let (new, owner, by) = (NewToken { sealed: None, ..new }, user.clone(), by.clone());
        let issue = Issue { single: false, keeps_seal: true, ..issue };
        match self.database.run(move |store| store.issue_login_token(&owner, &new, issue, &by, now)).await? {
            Issued::New => Ok(Changed::Done(LoginToken { token, expires_at })),
            Issued::LimitReached => Err(Error::TokenLimit),
            Issued::Existing(_) | Issued::UserChanged => Ok(Changed::UserChanged),
        }
    }
}
