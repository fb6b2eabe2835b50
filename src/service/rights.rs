//! Types that prove rights. Only a caller who has the rights can be converted into one, so code that takes one need not
//! check again. Rights are checked once, before anything else of the request is read.

use std::net::IpAddr;
use std::ops::Deref;

use super::caller::{Caller, Holder};
use super::error::Error;
use crate::domain::rights::Rights;
use crate::domain::session::{SessionKey, SessionKind};
use crate::domain::token::{TokenFacts, TokenKind};
use crate::domain::user::User;
use crate::store::AskedWith;

/// A caller who has the rights of staff.
#[derive(Clone, Debug)]
pub struct Staff(Caller);

/// A caller who has the rights of a superuser.
#[derive(Clone, Debug)]
pub struct Superuser(Staff);

/// A user who may change their own account: they ask with a live login token, or are signed in at `/account/`.
#[derive(Clone, Debug)]
pub struct AccountHolder {
    user: User,
    caller: Caller,
    asked_with: AskedWith,
}

/// A user who asks with a live login token of theirs. A named token is for services: without the scope `jeton:admin`,
/// all that it can do on jeton itself is read `/me` and revoke itself.
#[derive(Clone, Debug)]
pub struct LoginHolder {
    account: AccountHolder,
    token: TokenFacts,
}

/// A user, as they were read for this request, and a member of staff who may change them.
#[derive(Clone, Debug)]
pub struct ChangeableUser {
    caller: Staff,
    user: User,
}

impl ChangeableUser {
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn new(caller: Staff, user: User) -> Result<Self, Error> {
        caller.require_power_over(&user)?;
        Ok(Self { caller, user })
    }

    /// Who asks.
    #[must_use]
    pub const fn caller(&self) -> &Staff {
        &self.caller
    }

    /// The user, as read.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }
}

impl LoginHolder {
    /// # Errors
    /// [`Error::PermissionDenied`] for the holder of a named token.
    pub fn new(holder: Holder, caller: Caller) -> Result<Self, Error> {
        match holder.token.kind() {
            TokenKind::Login => {
                let Holder { user, token } = holder;
                let account = AccountHolder { user, caller, asked_with: AskedWith::Token(token.clone()) };
                Ok(Self { account, token })
            }
            TokenKind::Named => Err(Error::PermissionDenied),
        }
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &TokenFacts {
        &self.token
    }
}

impl AccountHolder {
    /// The user of a session at `/account/`.
    #[must_use]
    pub fn signed_in(session: &SessionKey, user: User, address: Option<IpAddr>) -> Self {
        Self { caller: Caller::user(&user, address), user, asked_with: AskedWith::Session(session.digest()) }
    }

    /// The user, as read.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// The user as somebody who asks for a change.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// With what they ask.
    pub(in crate::service) const fn asked_with(&self) -> &AskedWith {
        &self.asked_with
    }

    /// The place where they ask, for the audit log: `route`, or their account's pages.
    pub(in crate::service) const fn via(&self, route: &'static str) -> &'static str {
        match self.asked_with {
            AskedWith::Token(_) => route,
            AskedWith::Session(_) => SessionKind::Account.as_str(),
        }
    }
}

impl Deref for LoginHolder {
    type Target = AccountHolder;

    fn deref(&self) -> &AccountHolder {
        &self.account
    }
}

impl Caller {
    /// As staff.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for all other callers.
    pub fn staff(self) -> Result<Staff, Error> {
        self.require(Rights::Staff)?;
        Ok(Staff(self))
    }

    /// As a superuser.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for all other callers.
    pub fn superuser(self) -> Result<Superuser, Error> {
        self.require(Rights::Superuser)?;
        Ok(Superuser(Staff(self)))
    }
}

impl Deref for Staff {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Deref for Superuser {
    type Target = Staff;

    fn deref(&self) -> &Staff {
        &self.0
    }
}

impl Superuser {
    /// Whoever can run commands on the database may do everything.
    #[must_use]
    pub fn command(os_user: &str) -> Self {
        Self(Staff(Caller::command(os_user)))
    }
}
