//! What a form says of a user, new or known.

use super::form::{Form, FormFaults};
use super::parts::Field;
use crate::domain::profile::{Profile, ProfileField, ProfilePatch};
use crate::domain::user::{User, UserChange};

/// What comes back from a line of text that is sent as it was shown.
fn sent_back(text: &str) -> String {
    text.replace(['\r', '\n'], "").trim().to_owned()
}

/// The fields of an account.
#[derive(Clone, Default)]
pub struct Account {
    pub username: String,
    pub profile: Profile,
    pub groups: Vec<String>,
    pub is_staff: bool,
    pub is_superuser: bool,
}

impl Account {
    /// As it is.
    pub fn of(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            profile: user.profile.clone(),
            groups: user.groups.clone(),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }
    }

    /// As it is wanted.
    pub fn wanted(form: &Form) -> Self {
        Self {
            username: form.text("username"),
            profile: Profile::from_fn(|field| form.text(field.name())),
            groups: form.lines("groups"),
            is_staff: form.ticked("is_staff"),
            is_superuser: form.ticked("is_superuser"),
        }
    }

    /// What of it is not as this user is, and was shown, with all else left as it is. What an import brought need not
    /// survive a form: browsers drop line ends, and we drop blanks round a text. To save it must not be to change it.
    pub fn changes_of(self, user: &User) -> UserChange {
        let new = |sent: &String, known: &str| (*sent != sent_back(known)).then(|| sent.clone());
        let shown: Vec<&str> = user.groups.iter().flat_map(|group| group.lines()).map(str::trim).collect();
        let group = |sent: String| user.groups.iter().find(|known| sent_back(known) == sent).cloned().unwrap_or(sent);
        UserChange {
            username: new(&self.username, &user.username),
            profile: ProfilePatch::from_fn(|field| new(self.profile.get(field), user.profile.get(field))),
            groups: (self.groups != shown).then(|| self.groups.into_iter().map(group).collect()),
            ..UserChange::default()
        }
    }

    /// The name's field.
    pub fn name_field(&self, faults: &FormFaults) -> Field {
        let hint = "150 characters or fewer: letters, digits and @ . + - _";
        Field::text("username", "Username", &self.username).required().hint(hint).with(faults)
    }

    /// The fields that may stay empty.
    pub fn other_fields(&self, faults: &FormFaults) -> Vec<Field> {
        let profile = ProfileField::ALL
            .map(|field| Field::text(field.name(), field.label(), self.profile.get(field)).with(faults));
        let groups = Field::lines("groups", "Groups", &self.groups).hint("One a line; a new name makes a new group");
        profile.into_iter().chain([groups.with(faults)]).collect()
    }
}
