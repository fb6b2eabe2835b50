//! Users, with Django's columns (`django/contrib/auth/models.py`).

mod list;
mod login_name;
mod new_user;
mod username;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use utoipa::ToSchema;

use super::password::PasswordHash;
use super::profile::{Profile, ProfileField, ProfilePatch};
use super::time::Timestamp;
pub use list::{LastLogin, UserFilter, UserOrder};
pub use login_name::{LoginBy, LoginName, UsernameCase, spellings_of};
pub use new_user::{FIRST_BOOTSTRAP_ID, ImportedUser, NewUser};
pub use username::{
    MAX_EXTERNAL_ID_BYTES, MAX_USERNAME_BYTES, MAX_USERNAME_CHARS, USERNAME_PATTERN, bounded_username, new_username,
};

/// A user as stored. As JSON it is the admin API's object, with the fields in the API's order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(description = "A user.")]
pub struct User {
    /// `sub` and `user_id` in introspection.
    #[schema(example = 7)]
    pub id: i64,
    /// The user's key in the project that they were imported from, where it is not `id`. Imports set it, and operators by
    /// `jeton user update`.
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

    /// The fields in which this user differs from how they were `before`, with their values now.
    #[must_use]
    pub fn differences(&self, before: &Self) -> Vec<(&'static str, Value)> {
        // The API does not change the external id, so it is none of the fields.
        let external_id = |user: &Self| ("external_id", json!(user.external_id));
        let pairs = self.fields().into_iter().zip(before.fields());
        let pairs = pairs.chain([(external_id(self), external_id(before))]);
        pairs.filter(|(new, old)| new != old).map(|(new, _)| new).collect()
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
    /// The external id; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
}

impl UserChange {
    /// The change without the texts that `known` has already. Flags and groups stay, even if they are the same.
    #[must_use]
    pub fn without_unchanged(&self, known: &User) -> Self {
        let Self { username, profile, is_active, is_staff, is_superuser, groups, external_id } = self;
        Self {
            username: username.clone().filter(|username| *username != known.username),
            profile: profile.without_unchanged(&known.profile),
            is_active: *is_active,
            is_staff: *is_staff,
            is_superuser: *is_superuser,
            groups: groups.clone(),
            external_id: external_id.clone().filter(|external_id| *external_id != known.external_id),
        }
    }
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
}
