//! Which users a list shows, and in what order.

use crate::domain::time::Timestamp;

/// Which users a list contains, and in what order. A filter that is not set matches all users.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Words, each of which must be in a name, the e-mail address or the external id, whatever the case and with or
    /// without accents; may be empty.
    pub search: String,
    /// Whether a word of one or two letters must stand at the start of a part of a name. In a long list there is no
    /// quick way to find so few letters anywhere.
    pub short_words_at_start: bool,
    /// A user with this id is found, too, whatever the words.
    pub or_id: Option<i64>,
    /// Active users, or inactive ones.
    pub is_active: Option<bool>,
    /// Staff, or other users.
    pub is_staff: Option<bool>,
    /// Superusers, or other users.
    pub is_superuser: Option<bool>,
    /// Members of this group.
    pub group: Option<String>,
    /// When they last logged in.
    pub last_login: Option<LastLogin>,
    /// What they are sorted by.
    pub order: UserOrder,
}

/// A condition on a user's last login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLogin {
    /// They have never logged in.
    Never,
    /// They have, but not since then.
    Before(Timestamp),
    /// Either.
    NotSince(Timestamp),
}

/// What a list of users is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserOrder {
    /// The id.
    #[default]
    Id,
    /// The id, descending.
    IdDescending,
    /// The username.
    Username,
    /// The username, descending.
    UsernameDescending,
    /// When they joined.
    DateJoined,
    /// When they joined, the newest first.
    DateJoinedDescending,
    /// The last login; users who have never logged in come first.
    LastLogin,
    /// The last login, the newest first; users who have never logged in come last.
    LastLoginDescending,
}

impl UserOrder {
    /// All orders, by their names in `?ordering=`.
    pub const NAMED: [(&str, Self); 8] = [
        ("id", Self::Id),
        ("-id", Self::IdDescending),
        ("username", Self::Username),
        ("-username", Self::UsernameDescending),
        ("date_joined", Self::DateJoined),
        ("-date_joined", Self::DateJoinedDescending),
        ("last_login", Self::LastLogin),
        ("-last_login", Self::LastLoginDescending),
    ];

    /// Parses the value of `?ordering=` (`rest_framework/filters.py::OrderingFilter`); an unknown value counts as none.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        Self::NAMED.into_iter().find(|(name, _)| *name == word).map_or(Self::Id, |(_, order)| order)
    }

    /// The reverse order.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Id => Self::IdDescending,
            Self::IdDescending => Self::Id,
            Self::Username => Self::UsernameDescending,
            Self::UsernameDescending => Self::Username,
            Self::DateJoined => Self::DateJoinedDescending,
            Self::DateJoinedDescending => Self::DateJoined,
            Self::LastLogin => Self::LastLoginDescending,
            Self::LastLoginDescending => Self::LastLogin,
        }
    }
}
