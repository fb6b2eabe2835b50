//! Revokes tokens: by a client, by whoever holds them (RFC 7009), by their owner, by an admin.

use crate::domain::audit::Actor;
use crate::service::retry::until_done;
use crate::service::{Caller, Error, Holder, LoginHolder, Staff, Tokens};
use crate::store::Revoked;

/// Who asks for a revocation at the OAuth endpoint.
#[derive(Clone, Debug)]
pub enum Revoker {
    /// A client: tokens bound to another client are not its to revoke.
    Client(Actor, String),
    /// A user with a token of their own.
    User(Actor),
    /// A named token that may not act for its user, by its id: it revokes itself and no other.
    Named(Actor, String),
    /// Whoever holds the token itself; the entry in the audit log is in its owner's name.
    Holder(Option<std::net::IpAddr>),
}

impl Tokens {
    /// Revokes a token by its key. One that is unknown or dead already is no error (RFC 7009 section 2.2).
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] when the token is bound to another client, or is another than the named token that asks.
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

    /// Revokes a token of the holder's own by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not theirs or not live.
    pub async fn revoke_own_token(&self, id: i64, asking: &LoginHolder) -> Result<(), Error> {
        let owner = self.database.run(move |store| store.token_owner(id)).await?;
        if owner.is_none_or(|owner| owner.id != asking.holder().user.id) {
            return Err(Error::NotFound);
        }
        found(self.revoke_by_id(id, asking.holder().user.id, asking.caller().actor.clone()).await?)
    }

    /// Revokes anybody's token by its id, or one that must be of the user with this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live token; [`Error::PermissionDenied`]; [`Error::UserChanging`].
    pub async fn revoke_token(&self, id: i64, whose: Option<&str>, caller: &Staff) -> Result<(), Error> {
        let revoked = until_done(async |_| {
            let owner = self.database.run(move |store| store.token_owner(id)).await?.ok_or(Error::NotFound)?;
            caller.require_power_over(&owner)?;
            if whose.is_some_and(|name| name != owner.username) {
                return Err(Error::NotFound);
            }
            self.introspection.flush_user_usage(owner.id).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            self.database.run(move |store| store.revoke_token_of(&owner, id, &actor, now)).await
        });
        found(revoked.await?)
    }

    /// Revokes a token of this user.
    async fn revoke_by_id(&self, id: i64, user_id: i64, actor: Actor) -> Result<Revoked, Error> {
        self.introspection.flush_user_usage(user_id).await?;
        let now = self.clock.now();
        self.database.run(move |store| store.revoke_token(id, &actor, now)).await
    }
}

/// # Errors
/// [`Error::NotFound`] when no token was there to be revoked.
const fn found(revoked: Revoked) -> Result<(), Error> {
    match revoked {
        Revoked::Done => Ok(()),
        Revoked::NotLive => Err(Error::NotFound),
    }
}
