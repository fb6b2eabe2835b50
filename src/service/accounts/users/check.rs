//! Checks a user's fields, with Django's messages.

use crate::domain::password::Password;
use crate::domain::password_rules::{self, Attributes};
use crate::domain::profile::{ProfileField, name_faults};
use crate::domain::safe_text::changes_direction;
use crate::domain::user::{MAX_EXTERNAL_ID_BYTES, User, new_username};
use crate::service::Faults;
use crate::service::messages::CHANGES_DIRECTION;

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
    // The rule for e-mail addresses refuses such characters, too.
    if field != ProfileField::Email {
        direction(field.name(), text, faults);
    }
}

/// The direction of writing. Imported names may change it, because they are taken as they are.
fn direction(field: &str, text: &str, faults: &mut Faults) {
    if text.contains(changes_direction) {
        faults.add(field, CHANGES_DIRECTION);
    }
}

pub fn external_id(text: &str, faults: &mut Faults) {
    if text.is_empty() {
        faults.add("external_id", "This field may not be blank.");
    }
    if text.len() > MAX_EXTERNAL_ID_BYTES {
        faults.add("external_id", format!("Ensure this field has no more than {MAX_EXTERNAL_ID_BYTES} bytes."));
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
    direction(field, text, faults);
}
