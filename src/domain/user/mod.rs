//! Users, with Django's columns and Django's rules for new names (`django/contrib/auth/models.py`, `validators.py`).

mod list;
mod login_name;

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::password::PasswordHash;
use super::profile::{Profile, ProfileField, ProfilePatch};
use super::time::Timestamp;
pub use list::{LastLogin, UserFilter, UserOrder};
pub use login_name::{LoginBy, LoginName, UsernameCase};

/// Bootstrap users, and all users created after an import from Django, get ids from here up. Ids below this are for
/// imported users, and for users created before such an import.
pub const FIRST_BOOTSTRAP_ID: i64 = 2_000_000_000;

/// The longest username, in characters (Django).
pub const MAX_USERNAME_CHARS: usize = 150;

/// The pattern of a new username for ECMA-262 with the flag `u`, as JSON Schema reads patterns. `\w` would mean the
/// letters and digits of ASCII only.
pub const USERNAME_PATTERN: &str = r"^[\p{L}\p{N}_.@+\-]+$";

static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[\p{L}\p{N}_.@+-]+\z").expect("the pattern is fixed"));
/// The longest imported username, in bytes: far longer than an e-mail address, and half of what PostgreSQL's indexes
/// allow.
pub const MAX_USERNAME_BYTES: usize = 1024;

/// The longest imported external id, in bytes: as long as a username, because both are unique.
pub const MAX_EXTERNAL_ID_BYTES: usize = MAX_USERNAME_BYTES;

/// A username to look up. Text that is too long for any username is cut, but stays too long, so that no user is found.
#[must_use]
pub fn bounded_username(text: String) -> String {
    if text.len() <= MAX_USERNAME_BYTES { text } else { text.chars().take(MAX_USERNAME_BYTES + 1).collect() }
}

/// A user as stored. As JSON it is the admin API's object, with the fields in the API's order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(description = "A user.")]
pub struct User {
    /// `sub` and `user_id` in introspection.
    #[schema(example = 7)]
    pub id: i64,
    /// The user's key in the project that they were imported from, where it is not `id`. Only an import sets it.
    #[schema(required, example = json!(null))]
    pub external_id: Option<String>,
    /// The login name; case counts, unless `JETON_USERNAME_CASE=ignore`.
    #[schema(example = "alice")]
    pub username: String,
    /// E-mail address and names.
    #[serde(flatten)]
    #[schema(inline)]
    pub profile: Profile,
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
    /// When the user was created.
    pub date_joined: Timestamp,
    /// When they last logged in, at the API or in the console. Updated at most once a minute.
    #[schema(required)]
    pub last_login: Option<Timestamp>,
    /// The stored hash; never serialized.
    #[serde(skip)]
    pub password: PasswordHash,
}

impl User {
    /// The fields that can be changed, except the password, with the API's names and in its order.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        // All fields are named, so that a new one is not forgotten.
        let Self {
            id: _,
            external_id: _,
            username,
            profile,
            is_active,
            is_staff,
            is_superuser,
            groups,
            date_joined: _,
            last_login: _,
            password: _,
        } = self;
        let mut fields = vec![("username", json!(username))];
        fields.extend(ProfileField::ALL.map(|field| (field.name(), json!(profile.get(field)))));
        fields.extend([
            ("is_active", json!(is_active)),
            ("is_staff", json!(is_staff)),
            ("is_superuser", json!(is_superuser)),
            ("groups", json!(groups)),
        ]);
        fields
    }

    /// The names of [`User::fields`], in their order.
    #[must_use]
    pub fn field_names() -> Vec<&'static str> {
        let profile = ProfileField::ALL.map(ProfileField::name);
        let others = ["is_active", "is_staff", "is_superuser", "groups"];
        ["username"].into_iter().chain(profile).chain(others).collect()
    }

    /// The fields that `JETON_LOGIN_FIELDS` may add to a login's answer. `is_active` is not one, because only active
    /// users log in.
    #[must_use]
    pub fn login_field_names() -> Vec<&'static str> {
        Self::field_names().into_iter().filter(|name| *name != "is_active").collect()
    }

    /// A version tag of the fields that the console's form edits: it changes when any of them changes.
    #[must_use]
    pub fn edition(&self) -> String {
        let shown: Vec<_> = self.fields().into_iter().filter(|(name, _)| *name != "is_active").collect();
        hex::encode(&Sha512::digest(json!(shown).to_string())[..16])
    }
}

/// The fields of a new user. `P` is the optional password before the check, and the hash after it.
#[derive(Clone, Debug)]
pub struct NewUser<P = PasswordHash> {
    /// The login name, normalised by [`new_username`].
    pub username: String,
    /// E-mail address and names.
    pub profile: Profile,
    /// Whether the user may log in.
    pub is_active: bool,
    /// May use the admin API.
    pub is_staff: bool,
    /// Implies staff.
    pub is_superuser: bool,
    /// The names of the user's groups. Unknown groups are created.
    pub groups: Vec<String>,
    /// The hash may be [`PasswordHash::unusable`].
    pub password: P,
}

impl<P> NewUser<P> {
    /// An ordinary active user.
    pub fn named(username: impl Into<String>, password: P) -> Self {
        Self {
            username: username.into(),
            profile: Profile::default(),
            is_active: true,
            is_staff: false,
            is_superuser: false,
            groups: Vec::new(),
            password,
        }
    }
}

/// What to change of a user; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The login name.
    pub username: Option<String>,
    /// E-mail address and names.
    pub profile: ProfilePatch,
    /// Whether they may log in and use tokens.
    pub is_active: Option<bool>,
    /// Whether they are staff. A superuser always is.
    pub is_staff: Option<bool>,
    /// Implies staff.
    pub is_superuser: Option<bool>,
    /// The names of all of the user's groups. Unknown groups are created.
    pub groups: Option<Vec<String>>,
}

impl UserChange {
    /// The change without the texts that `known` has already. Flags and groups stay, even if they are the same.
    #[must_use]
    pub fn without_unchanged(&self, known: &User) -> Self {
        let Self { username, profile, is_active, is_staff, is_superuser, groups } = self;
        Self {
            username: username.clone().filter(|username| *username != known.username),
            profile: profile.without_unchanged(&known.profile),
            is_active: *is_active,
            is_staff: *is_staff,
            is_superuser: *is_superuser,
            groups: groups.clone(),
        }
    }
}

/// A user to be imported, as they are at the source.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The same id as at the source, or a new one.
    pub id: i64,
    /// The key at the source, if it is not the id.
    pub external_id: Option<String>,
    /// The name is not normalised, because its owner types it that way; the hash may be of any format.
    pub user: NewUser,
    /// When the user was created at the source.
    pub date_joined: Timestamp,
    /// When the user last logged in at the source.
    pub last_login: Option<Timestamp>,
}

/// A username for a new user: NFKC, and Django's `UnicodeUsernameValidator`.
///
/// # Errors
/// Django's messages.
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
    fn the_fields_are_those_that_the_api_shows() {
        let NewUser { username, profile, is_active, is_staff, is_superuser, groups, password } =
            NewUser::named("alice", PasswordHash::unusable());
        let (date_joined, last_login) = (Timestamp::from_micros(0), None);
        let user = User {
            id: 7,
            external_id: None,
            username,
            profile,
            is_active,
            is_staff,
            is_superuser,
            groups,
            date_joined,
            last_login,
            password,
        };
        let names: Vec<&str> = user.fields().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, User::field_names());
        let shown = serde_json::to_value(&user).unwrap();
        let shown: Vec<&String> = shown.as_object().unwrap().keys().collect();
        let fixed = |name: &&&String| !["id", "external_id", "date_joined", "last_login"].contains(&name.as_str());
        assert_eq!(shown.iter().filter(fixed).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
        let plain = user.edition();
        assert_ne!(
            User { profile: Profile { last_name: "x".into(), ..Profile::default() }, ..user.clone() }.edition(),
            plain
        );
        assert_eq!(User { is_active: false, ..user }.edition(), plain, "the form does not show it");
    }

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
