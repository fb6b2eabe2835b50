//! What becomes of a change, where that is more than done or failed.

/// What becomes of a change to a user who was read for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed<T> {
    /// It is made.
    Done(T),
    /// Nothing is changed: the user is gone, or is not as they were read. Whoever asked reads them again and decides anew.
    UserChanged,
}

impl<T> Changed<T> {
    /// With something else of what was made.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> Changed<U> {
        match self {
            Self::Done(done) => Changed::Done(made(done)),
            Self::UserChanged => Changed::UserChanged,
        }
    }

    /// What was made, if it was.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::UserChanged => None,
        }
    }
}

/// What becomes of what users do to their own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum OwnChange<T> {
    /// It is made.
    Done(T),
    /// The token they asked with was revoked since, or they are gone. Else whoever holds a stolen key could save
    /// themselves out of a regenerate.
    TokenEnded,
    /// They have as many tokens of their own as they may.
    LimitReached,
}

impl<T> OwnChange<T> {
    /// With something else of what was made.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> OwnChange<U> {
        match self {
            Self::Done(done) => OwnChange::Done(made(done)),
            Self::TokenEnded => OwnChange::TokenEnded,
            Self::LimitReached => OwnChange::LimitReached,
        }
    }
}

/// What becomes of a token that is to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It is: by somebody's clock it may have lived until now.
    Done,
    /// No token of this id lives, by anybody's clock.
    NotLive,
}

/// What becomes of a change to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ClientChange {
    /// It is made.
    Done,
    /// There is no such client.
    NoSuchClient,
}

/// What becomes of a form that is good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum FormUse {
    /// It was not taken before.
    First,
    /// It was, or its session is over.
    NotAgain,
}

/// What becomes of a value that is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replaced {
    /// It is.
    Done,
    /// Another one stands there than the one that was to be replaced.
    ByOthers,
}
