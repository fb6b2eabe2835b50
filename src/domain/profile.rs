//! A user's profile: all texts of a user except the username, each of which may be empty. This is the only list of
//! these fields. The API, the console, imports, the audit log and OpenAPI use [`ProfileField::ALL`]; the columns are in
//! `store/schema.rs` and `store/user_rows/row.rs`.

use std::convert::Infallible;

use serde::Serialize;
use serde_json::json;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::email::{MAX_EMAIL_CHARS, email_fault};

/// The longest first name, last name and name of a group, in characters (Django).
pub const MAX_NAME_CHARS: usize = 150;

/// A field of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileField {
    /// The e-mail address.
    Email,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
}

impl ProfileField {
    /// All fields, in the API's order.
    pub const ALL: [Self; 3] = [Self::Email, Self::FirstName, Self::LastName];

    /// The fields that `JETON_PROFILE_FIELDS` may let users change themselves.
    pub const OWN: [Self; 2] = [Self::FirstName, Self::LastName];

    /// The fields that a password must not resemble, in Django's order, with Django's names for them
    /// (`DEFAULT_USER_ATTRIBUTES` in `django/contrib/auth/password_validation.py`).
    pub const COMPARED_WITH_PASSWORDS: [(Self, &str); 3] =
        [(Self::FirstName, "first name"), (Self::LastName, "last name"), (Self::Email, "email address")];

    /// Its name in the API, in the database, in CSV files and in Django.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
        }
    }

    /// The label that people see.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::FirstName => "First name",
            Self::LastName => "Last name",
        }
    }

    /// A description for the API documentation.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Email => "An address, or empty.",
            Self::FirstName | Self::LastName => "May be empty.",
        }
    }

    /// An example value.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Email => "alice@example.com",
            Self::FirstName => "Alice",
            Self::LastName => "Liddell",
        }
    }

    /// The maximum length, in characters.
    #[must_use]
    pub const fn max_chars(self) -> usize {
        match self {
            Self::Email => MAX_EMAIL_CHARS,
            Self::FirstName | Self::LastName => MAX_NAME_CHARS,
        }
    }

    /// Django's messages for an invalid value.
    #[must_use]
    pub fn faults(self, text: &str) -> Vec<String> {
        match self {
            Self::Email if text.is_empty() => Vec::new(),
            Self::Email => email_fault(text).map(ToOwned::to_owned).into_iter().collect(),
            Self::FirstName | Self::LastName => name_faults(text),
        }
    }
}

/// Django's messages for an invalid name of a person or group.
#[must_use]
pub fn name_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.chars().count() > MAX_NAME_CHARS {
        faults.push(format!("Ensure this field has no more than {MAX_NAME_CHARS} characters."));
    }
    if text.contains('\0') {
        faults.push("Null characters are not allowed.".into());
    }
    faults
}

/// One value for each field: the texts ([`Profile`]), or the texts to change ([`ProfilePatch`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileOf<T> {
    /// May be empty.
    pub email: T,
    /// May be empty.
    pub first_name: T,
    /// May be empty.
    pub last_name: T,
}

/// The profile of a user.
pub type Profile = ProfileOf<String>;

/// What to change of a profile; `None` leaves a field as it is.
pub type ProfilePatch = ProfileOf<Option<String>>;

impl<T> ProfileOf<T> {
    /// Calls `value` for each field.
    pub fn from_fn(mut value: impl FnMut(ProfileField) -> T) -> Self {
        let Ok(profile) = Self::try_from_fn(|field| Ok::<T, Infallible>(value(field)));
        profile
    }

    /// Calls `value` for each field, in the order of [`ProfileField::ALL`].
    ///
    /// # Errors
    /// The first error of `value`.
    pub fn try_from_fn<E>(mut value: impl FnMut(ProfileField) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            email: value(ProfileField::Email)?,
            first_name: value(ProfileField::FirstName)?,
            last_name: value(ProfileField::LastName)?,
        })
    }

    /// The value of this field.
    pub const fn get(&self, field: ProfileField) -> &T {
        match field {
            ProfileField::Email => &self.email,
            ProfileField::FirstName => &self.first_name,
            ProfileField::LastName => &self.last_name,
        }
    }
}

impl Profile {
    /// First and last name.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

impl PartialSchema for Profile {
    fn schema() -> RefOr<Schema> {
        let text = |field: ProfileField| {
            let text = ObjectBuilder::new().schema_type(Type::String).description(Some(field.description()));
            text.examples([json!(field.example())])
        };
        let whole = ObjectBuilder::new().schema_type(Type::Object);
        let fields = ProfileField::ALL.into_iter();
        fields.fold(whole, |whole, field| whole.property(field.name(), text(field)).required(field.name())).into()
    }
}

impl ToSchema for Profile {}

impl ProfilePatch {
    /// The patch without the fields that `known` has already.
    #[must_use]
    pub fn without_unchanged(&self, known: &Profile) -> Self {
        Self::from_fn(|field| self.get(field).clone().filter(|wanted| wanted != known.get(field)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_know_every_field() {
        let fields = ProfileOf::from_fn(|field| field);
        assert_eq!(ProfileField::ALL.map(|field| *fields.get(field)), ProfileField::ALL);
        let named = serde_json::to_value(fields.map_names()).unwrap();
        let shown: Vec<&String> = named.as_object().unwrap().keys().collect();
        assert_eq!(shown, ProfileField::ALL.map(ProfileField::name), "struct and ALL, in one order");
        assert!(named.as_object().unwrap().iter().all(|(key, name)| key == name), "{named}");
        for field in ProfileField::ALL {
            let compared = ProfileField::COMPARED_WITH_PASSWORDS.iter().any(|(one, _)| *one == field);
            assert!(compared, "passwords may resemble {field:?}");
        }
    }

    impl ProfileOf<ProfileField> {
        fn map_names(&self) -> Profile {
            Profile::from_fn(|field| self.get(field).name().to_owned())
        }
    }

    #[test]
    fn a_patch_is_what_is_new() {
        let known = Profile { email: "a@b.co".into(), ..Profile::default() };
        let patch =
            ProfilePatch { email: Some("a@b.co".into()), first_name: Some("Al".into()), ..ProfilePatch::default() };
        assert_eq!(
            patch.without_unchanged(&known),
            ProfilePatch { first_name: Some("Al".into()), ..ProfilePatch::default() }
        );
    }
}
