//! What Django would say of a user's fields.

use crate::domain::email::email_fault;
use crate::domain::password::Password;
use crate::domain::password_rules::{self, Attributes};
use crate::domain::user::new_username;
use crate::service::Faults;

/// The fields of a user, in the order in which their faults are told.
pub const FIELDS: [&str; 9] =
    ["username", "password", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "groups"];

/// Django's sentence for a name that another user has.
pub const TAKEN: &str = "A user with that username already exists.";

/// The username as it is stored; `None` after a fault.
pub fn username(text: &str, faults: &mut Faults) -> Option<String> {
    let messages = match new_username(text) {
        Ok(username) => return Some(username),
        Err(messages) => messages,
    };
    for message in messages {
        faults.add("username", message);
    }
    None
}

pub fn password(field: &str, password: &Password, user: &Attributes<'_>, faults: &mut Faults) {
    for message in password_rules::faults(password.expose(), user) {
        faults.add(field, message);
    }
}

/// An address may be left empty.
pub fn email(text: &str, faults: &mut Faults) {
    if !text.is_empty()
        && let Some(fault) = email_fault(text)
    {
        faults.add("email", fault);
    }
}

/// First and last name.
pub fn name(field: &str, text: &str, faults: &mut Faults) {
    if text.chars().count() > 150 {
        faults.add(field, "Ensure this field has no more than 150 characters.");
    }
    if text.contains('\0') {
        faults.add(field, "Null characters are not allowed.");
    }
}

pub fn group(text: &str, faults: &mut Faults) {
    if text.trim().is_empty() {
        faults.add("groups", "This field may not be blank.");
    }
    name("groups", text, faults);
}
