//! Links with which users set a password themselves: an invitation, or a reset.

use std::net::IpAddr;
use std::time::Duration;

use super::check;
use crate::domain::audit::Actor;
use crate::domain::duration;
use crate::domain::password::Password;
use crate::domain::password_link::{DEFAULT_LIFETIME, LinkKey, MAX_LIFETIME};
use crate::domain::password_rules::Attributes;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::service::retry::until_done;
use crate::service::{Accounts, ChangeableUser, Error, Faults};
use crate::store::{Changed, LinkUse, LinkedUser};

/// A link that was made.
#[derive(Clone, Debug)]
pub struct PasswordLink {
    /// The key in it, in the clear.
    pub key: LinkKey,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Accounts {
    /// Makes a link with which the user can set a password, once. It ends an older link of the same user.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `expires_in`; [`Error::Conflict`] for an inactive user, whom a password would not let in;
    /// as [`Accounts::user_to_change`], when the user has changed since.
    pub async fn create_password_link(
        &self,
        target: &ChangeableUser,
        expires_in: Option<Duration>,
    ) -> Result<PasswordLink, Error> {
        let lifetime = expires_in.unwrap_or(DEFAULT_LIFETIME);
        if lifetime > MAX_LIFETIME {
            let longest = duration::text(MAX_LIFETIME);
            return Err(Error::invalid("expires_in", format!("Ensure this value is less than or equal to {longest}.")));
        }
        self.change_user(target, async |user: User| {
            if !user.is_active {
                return Err(Error::Conflict("This user is inactive. Activate them first.".into()));
            }
            let (key, now) = (LinkKey::generate(), self.clock.now());
            let (digest, expires_at, actor) = (key.digest(), now.after(lifetime), target.caller().actor.clone());
            let made = self
                .database
                .run(move |store| store.create_password_link(&user, &digest, expires_at, &actor, now))
                .await?;
            Ok(made.map(|()| PasswordLink { key, expires_at }))
        })
        .await
    }

    /// The user of an open link.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the link was used, replaced, has expired or never existed, or whoever made it may not
    /// change the user any more.
    pub async fn linked_user(&self, key: &LinkKey) -> Result<LinkedUser, Error> {
        let (digest, now) = (key.digest(), self.clock.now());
        self.database.run(move |store| store.linked_user(&digest, now)).await?.ok_or(Error::NotFound)
    }

    /// Sets the password of the link's user, which ends the link, the user's login tokens and their sessions. Links that
    /// are not open count as failed logins of the address.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `password` with all faults, after which the link is still open; [`Error::NotFound`] as
    /// [`Accounts::linked_user`]; [`Error::Throttled`], [`Error::Busy`].
    pub async fn use_password_link(
        &self,
        key: &LinkKey,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<User, Error> {
        let set = until_done(async |_| {
            let LinkedUser { user, .. } = self.linked_user(key).await?;
            let attributes = Attributes { username: &user.username, profile: &user.profile };
            let mut faults = Faults::default();
            check::password("password", &password, &attributes, &mut faults);
            faults.into_result()?;
            let hash = self.hasher.hash(password.clone(), address).await?;
            let (digest, now, linked) = (key.digest(), self.clock.now(), user.clone());
            let by = Actor { name: user.username.clone(), address };
            let used =
                self.database.run(move |store| store.use_password_link(&digest, &linked, &hash, &by, now)).await?;
            match used {
                Changed::Done(LinkUse::Done) => Ok(Changed::Done(user)),
                Changed::Done(LinkUse::NotOpen) => Err(Error::NotFound),
                Changed::UserChanged => Ok(Changed::UserChanged),
            }
        });
        self.sign_in.within_address_limit(address, set).await
    }
}
