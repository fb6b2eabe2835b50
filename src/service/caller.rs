//! Who makes a request, and what they may do.

use std::net::IpAddr;

use super::error::Error;
use crate::domain::audit::Actor;
use crate::domain::rights::Rights;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// A user who has presented one of their live tokens.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The user.
    pub user: User,
    /// The token that they presented.
    pub token: TokenFacts,
}

/// Who asks for a change, and what they may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// What they may do.
    pub rights: Rights,
}

impl Caller {
    /// A user who asks over HTTP with a token.
    #[must_use]
    pub fn holder(holder: &Holder, address: Option<IpAddr>) -> Self {
        let caller = Self::user(&holder.user, address);
        Self { rights: caller.rights.by_token(holder.token.kind(), &holder.token.scope), ..caller }
    }

    /// A user who has signed in to the console.
    #[must_use]
    pub fn user(user: &User, address: Option<IpAddr>) -> Self {
        let rights = Rights::of(user.is_staff, user.is_superuser);
        Self { actor: Actor { name: user.username.clone(), address }, rights }
    }

    /// The operating system user who runs a command. They may do everything.
    #[must_use]
    pub fn command(os_user: &str) -> Self {
        Self { actor: Actor::command(os_user), rights: Rights::Superuser }
    }

    /// # Errors
    /// [`Error::PermissionDenied`] when the caller has less than `rights`.
    pub fn require(&self, rights: Rights) -> Result<(), Error> {
        if self.rights >= rights { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    /// Requires the rights to change `target`: only a superuser may change staff and superusers.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn require_power_over(&self, target: &User) -> Result<(), Error> {
        self.require(Rights::to_change(target))
    }
}
