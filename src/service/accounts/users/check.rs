//! Checks a user's fields, with Django's messages.

use crate::domain::password::Password;
use crate::domain::password_rules::{self, Attributes};
use crate::domain::profile::{ProfileField, name_faults};
use crate::domain::user::{User, new_username};
use crate::service::Faults;

/// The fields of a user, in the order in which their faults are reported.
pub fn order() -> Vec<&'static str> {
    let mut order = User::field_names();
    // After the username.
    order.insert(1, "password");
    order
}

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

pub fn profile(field: ProfileField, text: &str, faults: &mut Faults) {
    for message in field.faults(text) {
        faults.add(field.name(), message);
    }
}

/// The name of a group.
pub fn group(field: &str, text: &str, faults: &mut Faults) {
    if text.trim().is_empty() {
        faults.add(field, "This field may not be blank.");
    }
    for message in name_faults(text) {
        faults.add(field, message);
    }
}
