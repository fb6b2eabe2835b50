//! Revokes tokens for a client, for whoever holds them (RFC 7009), for their owner, or for staff.

use crate::domain::audit::Actor;
use crate::domain::user::User;
use crate::service::retry::until_done;
use crate::service::{AccountHolder, Caller, ChangeableUser, Error, Holder, Staff, Tokens};
use crate::store::Revoked;

/// Who asks for a revocation at the OAuth endpoint.
#[derive(Clone, Debug)]
pub enum Revoker {
    /// A client, with its id. It may not revoke tokens that are bound to another client.
    Client(Actor, String),
    /// A user with a token of their own.
    User(Actor),
    /// A named token without the rights of its user, with its id. It may revoke only itself.
    Named(Actor, String),
    /// Whoever sends the token itself. The entry in the audit log has its owner's name.
    Holder(Option<std::net::IpAddr>),
}

impl Tokens {
    /// Revokes a token by its key. No error if it is unknown or has ended already (RFC 7009 section 2.2).
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] when the token is bound to another client, or when a named token asks for another
    /// one than itself.
    pub async fn revoke(&self, presented: &str, revoker: Revoker) -> Result<(), Error> {
        let found = self.introspection.peek(presented).await?.into_found();
        if let Revoker::Named(_, own) = &revoker
            && found.as_ref().is_none_or(|(token, _)| token.id.to_string() != *own)
        {
            return Err(Error::PermissionDenied);
        }
        let Some((token, owner)) = found else { return Ok(()) };
        let actor = match revoker {
            Revoker::Client(_, client_id) if token.client.as_ref().is_some_and(|bound| *bound != client_id) => {
                return Err(Error::PermissionDenied);
            }
            Revoker::Client(actor, _) | Revoker::User(actor) | Revoker::Named(actor, _) => actor,
            Revoker::Holder(address) => Actor { name: owner.username, address },
        };
        self.revoke_by_id(token.id, owner.id, actor).await?;
        Ok(())
    }

    /// Revokes the token that the holder presented (Knox, `knox/views.py::LogoutView`).
    pub async fn logout(&self, holder: &Holder, caller: &Caller) -> Result<(), Error> {
        self.revoke_by_id(holder.token.id, holder.user.id, caller.actor.clone()).await?;
        Ok(())
    }

    /// Revokes all login tokens of the holder (Knox, `knox/views.py::LogoutAllView`); named ones stay.
    pub async fn logoutall(&self, holder: &Holder, caller: &Caller) -> Result<(), Error> {
        let (user_id, actor, now) = (holder.user.id, caller.actor.clone(), self.clock.now());
        self.database.run(move |store| store.revoke_login_tokens(user_id, &actor, now)).await?;
        Ok(())
    }

    /// Revokes a token of one's own by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not theirs or not live.
    pub async fn revoke_own_token(&self, id: i64, asker: &AccountHolder) -> Result<(), Error> {
        let owner = self.database.run(move |store| store.token_owner(id)).await?;
        if owner.is_none_or(|owner| owner.id != asker.user().id) {
            return Err(Error::NotFound);
        }
        require_revoked(self.revoke_by_id(id, asker.user().id, asker.caller().actor.clone()).await?)
    }

    /// Revokes anybody's token by its id. With `whose` it must be a token of the user with this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live token; [`Error::PermissionDenied`]; [`Error::UserChanging`].
    pub async fn revoke_token(&self, id: i64, whose: Option<&str>, caller: &Staff) -> Result<(), Error> {
        let revoked = until_done(async |_| {
            let owner = self.owner_to_change(id, whose, caller).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            self.database.run(move |store| store.revoke_token_of(&owner, id, &actor, now)).await
        });
        require_revoked(revoked.await?)
    }

    /// Revokes all live tokens of a user, named ones too. Returns how many.
    ///
    /// # Errors
    /// As [`crate::service::Accounts::user_to_change`], when the user has changed since.
    pub async fn revoke_all_tokens(&self, target: &ChangeableUser) -> Result<usize, Error> {
        self.accounts
            .change_user(target, async |user: User| {
                let (actor, now) = (target.caller().actor.clone(), self.clock.now());
                self.database.run(move |store| store.revoke_all_tokens(&user, &actor, now)).await
            })
            .await
    }

    /// Revokes a token of this user.
    async fn revoke_by_id(&self, id: i64, user_id: i64, actor: Actor) -> Result<Revoked, Error> {
        self.introspection.flush_user_usage(user_id).await?;
        let now = self.clock.now();
        self.database.run(move |store| store.revoke_token(id, &actor, now)).await
    }
}

/// # Errors
/// [`Error::NotFound`] when there was no live token.
const fn require_revoked(revoked: Revoked) -> Result<(), Error> {
    match revoked {
        Revoked::Done => Ok(()),
        Revoked::NotLive => Err(Error::NotFound),
    }
}
