//! What a form says of a user, new or known.

use super::form::{Form, FormFaults};
use super::parts::Field;
use crate::domain::user::User;
use crate::service::UserPatch;

/// What comes back from a line of text that is sent as it was shown.
fn sent_back(text: &str) -> String {
    text.replace(['\r', '\n'], "").trim().to_owned()
}

/// The fields of an account.
#[derive(Clone, Default)]
pub struct Account {
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub groups: Vec<String>,
    pub is_staff: bool,
    pub is_superuser: bool,
}

impl Account {
    /// As it is.
    pub fn of(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            groups: user.groups.clone(),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }
    }

    /// As it is wanted.
    pub fn wanted(form: &Form) -> Self {
        Self {
            username: form.text("username"),
            email: form.text("email"),
            first_name: form.text("first_name"),
            last_name: form.text("last_name"),
            groups: form.lines("groups"),
            is_staff: form.ticked("is_staff"),
            is_superuser: form.ticked("is_superuser"),
        }
    }

    /// What of it is not as this user is, and was shown, with all else left as it is. What an import brought need not
    /// survive a form: browsers drop line ends, and we drop blanks round a text. To save it must not be to change it.
    pub fn changes_of(self, user: &User) -> UserPatch {
        let new = |sent: String, known: &str| (sent != sent_back(known)).then_some(sent);
        let shown: Vec<&str> = user.groups.iter().flat_map(|group| group.lines()).map(str::trim).collect();
        let group = |sent: String| user.groups.iter().find(|known| sent_back(known) == sent).cloned().unwrap_or(sent);
        UserPatch {
            username: new(self.username, &user.username),
            email: new(self.email, &user.email),
            first_name: new(self.first_name, &user.first_name),
            last_name: new(self.last_name, &user.last_name),
            groups: (self.groups != shown).then(|| self.groups.into_iter().map(group).collect()),
            ..UserPatch::default()
        }
    }

    /// The name's field.
    pub fn name_field(&self, faults: &FormFaults) -> Field {
        let hint = "150 characters or fewer: letters, digits and @ . + - _";
        Field::text("username", "Username", &self.username).required().hint(hint).with(faults)
    }

    /// The fields that may stay empty.
    pub fn other_fields(&self, faults: &FormFaults) -> Vec<Field> {
        vec![
            Field::text("email", "E-mail", &self.email).with(faults),
            Field::text("first_name", "First name", &self.first_name).with(faults),
            Field::text("last_name", "Last name", &self.last_name).with(faults),
            Field::lines("groups", "Groups", &self.groups)
                .hint("One a line; a new name makes a new group")
                .with(faults),
        ]
    }
}
