//! What a form says of a user, new or known.

use super::form::{Form, FormFaults};
use super::parts::Field;
use crate::domain::user::User;

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
