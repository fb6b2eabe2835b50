//! Users, with Django's columns and Django's rules for new names (`django/contrib/auth/models.py`, `validators.py`).

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use sha2::{Digest, Sha512};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::password::PasswordHash;
use super::time::Timestamp;

/// Ids below this belong to imports and ordinary users; users made by bootstrap take ids from here up,
/// so that a later import finds its ids free.
pub const FIRST_BOOTSTRAP_ID: i64 = 2_000_000_000;

/// The longest username, in characters (Django).
pub const MAX_USERNAME_CHARS: usize = 150;

static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[\p{L}\p{N}_.@+-]+\z").expect("the pattern is fixed"));
/// The longest username that comes over from elsewhere, in bytes: far more than an e-mail address; PostgreSQL's indexes
/// take twice as much.
pub const MAX_USERNAME_BYTES: usize = 1024;

/// A name to look up: as it is, or so much of one that no user can have that none is found.
#[must_use]
pub fn sought_username(text: String) -> String {
    if text.len() <= MAX_USERNAME_BYTES { text } else { text.chars().take(MAX_USERNAME_BYTES + 1).collect() }
}

/// A user as stored. Serialized it is the admin API's object, in the API's order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(description = "A user.")]
pub struct User {
    /// `sub` and `user_id` in introspection.
    #[schema(example = 7)]
    pub id: i64,
    /// The login name; case counts.
    #[schema(example = "alice")]
    pub username: String,
    /// May be empty.
    #[schema(example = "alice@example.com")]
    pub email: String,
    /// May be empty.
    #[schema(example = "Alice")]
    pub first_name: String,
    /// May be empty.
    #[schema(example = "Liddell")]
    pub last_name: String,
    /// An inactive user cannot log in and their tokens are inactive.
    #[schema(example = true)]
    pub is_active: bool,
    /// May use the admin API and introspect.
    #[schema(example = false)]
    pub is_staff: bool,
    /// May also change staff and clients.
    #[schema(example = false)]
    pub is_superuser: bool,
    /// Names of the user's groups, in alphabetical order.
    #[schema(example = json!(["billing"]))]
    pub groups: Vec<String>,
    /// When the user was made.
    pub date_joined: Timestamp,
    /// When they last logged in, at the API or in the console; to the minute.
    #[schema(required)]
    pub last_login: Option<Timestamp>,
    /// The stored hash; never serialized.
    #[serde(skip)]
    pub password: PasswordHash,
}

impl User {
    /// Stands for all that a form shows of them to be changed: another text when any of it is another.
    #[must_use]
    pub fn edition(&self) -> String {
        let names = (&self.username, &self.email, &self.first_name, &self.last_name);
        let shown = serde_json::json!([names, self.is_staff, self.is_superuser, self.groups]);
        hex::encode(&Sha512::digest(shown.to_string())[..16])
    }
}

/// Which users a list shows, and in what order. Of what is not said, all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Words, each of which is in a name or the e-mail address; may be empty.
    pub search: String,
    /// Who may log in, or may not.
    pub is_active: Option<bool>,
    /// Staff, or not.
    pub is_staff: Option<bool>,
    /// Superusers, or not.
    pub is_superuser: Option<bool>,
    /// Who is in this group.
    pub group: Option<String>,
    /// What they are sorted by.
    pub order: UserOrder,
}

/// What a list of users is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserOrder {
    /// The id.
    #[default]
    Id,
    /// The id, the greatest first.
    IdDescending,
    /// The username.
    Username,
    /// The username, from its end.
    UsernameDescending,
    /// When they joined.
    DateJoined,
    /// When they joined, the newest first.
    DateJoinedDescending,
}

impl UserOrder {
    /// By its word in `?ordering=` (`rest_framework/filters.py::OrderingFilter`); what is none counts as not said.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "-id" => Self::IdDescending,
            "username" => Self::Username,
            "-username" => Self::UsernameDescending,
            "date_joined" => Self::DateJoined,
            "-date_joined" => Self::DateJoinedDescending,
            _ => Self::Id,
        }
    }

    /// The same from its end.
    #[must_use]
    pub const fn backward(self) -> Self {
        match self {
            Self::Id => Self::IdDescending,
            Self::IdDescending => Self::Id,
            Self::Username => Self::UsernameDescending,
            Self::UsernameDescending => Self::Username,
            Self::DateJoined => Self::DateJoinedDescending,
            Self::DateJoinedDescending => Self::DateJoined,
        }
    }
}

/// What is needed to make a user.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Already checked by [`new_username`].
    pub username: String,
    /// Already checked by [`super::email::email_fault`]; may be empty.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// May use the admin API.
    pub is_staff: bool,
    /// Implies staff.
    pub is_superuser: bool,
    /// Names; unknown ones are made.
    pub groups: Vec<String>,
    /// The hash, or [`PasswordHash::unusable`].
    pub password: PasswordHash,
}

/// A user who comes from elsewhere, as they are there.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// Free, as the name is.
    pub id: i64,
    /// The name is not normalised, for its holder types it so; the hash is of whatever format.
    pub user: NewUser,
    /// When they were made, there.
    pub date_joined: Timestamp,
    /// When they last logged in, there.
    pub last_login: Option<Timestamp>,
}

/// A username for a new user: NFKC, and Django's `UnicodeUsernameValidator`.
///
/// # Errors
/// Django's sentences.
pub fn new_username(text: &str) -> Result<String, Vec<String>> {
    let username: String = text.nfkc().collect();
    let mut faults = Vec::new();
    if username.is_empty() {
        return Err(vec!["This field may not be blank.".into()]);
    }
    if username.chars().count() > MAX_USERNAME_CHARS {
        faults.push(format!("Ensure this field has no more than {MAX_USERNAME_CHARS} characters."));
    }
    if !USERNAME.is_match(&username) {
        faults.push(
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.".into(),
        );
    }
    if faults.is_empty() { Ok(username) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_follow_django() {
        for good in ["alice", "a.b+c@d-e_f", "ünïcödé", "用户", "x1²"] {
            assert!(new_username(good).is_ok(), "{good}");
        }
        assert_eq!(new_username("ﬁsh").unwrap(), "fish", "NFKC");
        assert!(new_username(&"x".repeat(150)).is_ok());
        for bad in ["", "a b", "a/b", "a\n", "\u{301}", "a\0", "😀", &"x".repeat(151)] {
            assert!(new_username(bad).is_err(), "{bad:?}");
        }
    }
}
