//! The name that a login gives, and when two names count as one.

/// What the name of a login may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginBy {
    /// A username.
    #[default]
    Username,
    /// An e-mail address.
    Email,
    /// Either. If it is one user's username and another user's e-mail address, the first of these users is meant.
    UsernameOrEmail,
}

impl LoginBy {
    /// Whether the name may be a username.
    #[must_use]
    pub const fn takes_username(self) -> bool {
        matches!(self, Self::Username | Self::UsernameOrEmail)
    }

    /// Whether the name may be an e-mail address.
    #[must_use]
    pub const fn takes_email(self) -> bool {
        matches!(self, Self::Email | Self::UsernameOrEmail)
    }

    /// The same, and a username too.
    #[must_use]
    pub const fn or_username(self) -> Self {
        match self {
            Self::Username => Self::Username,
            Self::Email | Self::UsernameOrEmail => Self::UsernameOrEmail,
        }
    }
}

/// Whether case counts in usernames, and in the e-mail addresses of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsernameCase {
    /// It counts.
    #[default]
    Exact,
    /// It does not.
    Ignore,
}

impl UsernameCase {
    /// Two names that count as one have the same folded text.
    #[must_use]
    pub fn fold(self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            Self::Ignore => name.to_lowercase(),
        }
    }
}

/// The name that a login gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginName {
    /// As sent.
    pub text: String,
    /// What it may be.
    pub by: LoginBy,
}

impl LoginName {
    /// A username.
    #[must_use]
    pub const fn username(text: String) -> Self {
        Self { text, by: LoginBy::Username }
    }
}
