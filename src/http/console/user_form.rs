//! The form of a user, new or existing.

use super::form::{Form, FormFaults};
use super::widgets::Field;
use crate::domain::profile::{Profile, ProfileField, ProfilePatch};
use crate::domain::user::{User, UserChange};

/// A text as it comes back when a form is submitted unchanged.
pub fn as_submitted(text: &str) -> String {
    text.replace(['\r', '\n'], "").trim().to_owned()
}

/// The fields of the form.
#[derive(Clone, Default)]
pub struct UserForm {
    pub username: String,
    pub profile: Profile,
    pub groups: Vec<String>,
    pub is_staff: bool,
    pub is_superuser: bool,
}

impl UserForm {
    /// Filled in from a user.
    pub fn of(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            profile: user.profile.clone(),
            groups: user.groups.clone(),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }
    }

    /// As submitted.
    pub fn submitted(form: &Form) -> Self {
        Self {
            username: form.text("username"),
            profile: Profile::from_fn(|field| form.text(field.name())),
            groups: form.lines("groups"),
            is_staff: form.is_checked("is_staff"),
            is_superuser: form.is_checked("is_superuser"),
        }
    }

    /// The texts and groups that differ from the user as it was shown; the caller adds the flags. Imported text may not survive a
    /// form, because browsers drop line ends and we trim white space. Saving an unchanged form must not change the
    /// user.
    pub fn changes_of(self, user: &User) -> UserChange {
        let new = |sent: &String, known: &str| (*sent != as_submitted(known)).then(|| sent.clone());
        let shown: Vec<&str> = user.groups.iter().flat_map(|group| group.lines()).map(str::trim).collect();
        let group =
            |sent: String| user.groups.iter().find(|known| as_submitted(known) == sent).cloned().unwrap_or(sent);
        UserChange {
            username: new(&self.username, &user.username),
            profile: ProfilePatch::from_fn(|field| new(self.profile.get(field), user.profile.get(field))),
            groups: (self.groups != shown).then(|| self.groups.into_iter().map(group).collect()),
            ..UserChange::default()
        }
    }

    /// The field for the username.
    pub fn name_field(&self, faults: &FormFaults) -> Field {
        let hint = "150 characters or fewer: letters, digits and @ . + - _";
        Field::text("username", "Username", &self.username).required().hint(hint).with(faults)
    }

    /// The optional fields.
    pub fn other_fields(&self, faults: &FormFaults) -> Vec<Field> {
        let profile = ProfileField::ALL
            .map(|field| Field::text(field.name(), field.label(), self.profile.get(field)).with(faults));
        let groups =
            Field::lines("groups", "Groups", &self.groups).hint("One per line; a new name creates a new group");
        profile.into_iter().chain([groups.with(faults)]).collect()
    }
}
