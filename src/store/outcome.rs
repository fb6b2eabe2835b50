//! The results of changes that can end in more ways than done or failed.

/// The result of a change to a user who was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed<T> {
    /// The change was made.
    Done(T),
    /// Nothing was changed: the user is gone, or has changed since they were read. The caller reads them again.
    UserChanged,
}

impl<T> Changed<T> {
    /// Maps the value.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> Changed<U> {
        match self {
            Self::Done(done) => Changed::Done(made(done)),
            Self::UserChanged => Changed::UserChanged,
        }
    }

    /// The value, if the change was made.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::UserChanged => None,
        }
    }
}

/// The result of a change that users make to their own account, after a check of their password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum OwnChange<T> {
    /// The change was made.
    Done(T),
    /// The token of the request has been revoked, their session has ended, or the user was deleted. Without this check the holder of a stolen
    /// key could keep access through a regenerate.
    TokenEnded,
    /// The user has reached the limit of tokens of their own.
    LimitReached,
    /// Nothing was changed: the password or the rights have changed since the check. The caller checks them again.
    UserChanged,
}

impl<T> OwnChange<T> {
    /// Maps the value.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> OwnChange<U> {
        match self {
            Self::Done(done) => OwnChange::Done(made(done)),
            Self::TokenEnded => OwnChange::TokenEnded,
            Self::LimitReached => OwnChange::LimitReached,
            Self::UserChanged => OwnChange::UserChanged,
        }
    }
}

/// The result of revoking a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The token was revoked. By the clock of some node it may have been live until now.
    Done,
    /// No token with this id is live, by the clock of any node.
    NotLive,
}

/// The result of changing something that may have ended or been deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// It was changed.
    Done,
    /// There is no such thing, or it has ended.
    NotLive,
    /// It cannot go on without an end.
    NeedsEnd,
}

/// The result of revoking all login tokens of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginTokensRevoked {
    /// They were revoked. This many of them were live.
    Done(usize),
    /// There is no such user.
    NoSuchUser,
}

/// The result of a change to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ClientChange {
    /// The change was made.
    Done,
    /// There is no such client.
    NoSuchClient,
}

/// The result of submitting a one-time form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum FormUse {
    /// It was not submitted before.
    First,
    /// It was submitted before, or its session has ended.
    Refused,
}

/// The result of setting a password with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LinkUse {
    /// The password is set, and the link has ended.
    Done,
    /// The link was not open any more.
    NotOpen,
}

/// The result of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replaced {
    /// The value was replaced.
    Done,
    /// Nothing was replaced, because the value was not the expected one.
    ByOthers,
}
