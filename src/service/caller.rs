//! Who makes a request, and what they may do.

use std::net::IpAddr;

use super::error::Error;
use crate::domain::audit::Actor;
use crate::domain::scope;
use crate::domain::token::{TokenFacts, TokenKind};
use crate::domain::user::User;

/// A user who has presented one of their live tokens.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The user.
    pub user: User,
    /// The token that they presented.
    pub token: TokenFacts,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Their own account and tokens.
    Holder,
    /// Ordinary users and their tokens.
    Staff,
    /// Everything.
    Superuser,
}

impl Rights {
    /// From Django's flags.
    #[must_use]
    pub const fn of(is_staff: bool, is_superuser: bool) -> Self {
        match (is_superuser, is_staff) {
            (true, _) => Self::Superuser,
            (false, true) => Self::Staff,
            (false, false) => Self::Holder,
        }
    }

    /// The user's rights that this token carries.
    #[must_use]
    pub fn by_token(self, kind: TokenKind, scopes: &str) -> Self {
        if acts_for_its_user(kind, scopes) { self } else { Self::Holder }
    }
}

/// Whether a token has its user's rights on jeton itself. A named token has them only with the scope `jeton:admin`.
pub(super) fn acts_for_its_user(kind: TokenKind, scopes: &str) -> bool {
    kind == TokenKind::Login || scope::has(scopes, scope::ADMIN)
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
        let needed = if target.is_staff || target.is_superuser { Rights::Superuser } else { Rights::Staff };
        self.require(needed)
    }
}
