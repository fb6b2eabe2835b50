//! Errors of fields that the service reports and the OpenAPI document shows.

/// A new user has the name of another one (Django's message: `django/contrib/auth/models.py`).
pub const USERNAME_TAKEN: &str = "A user with that username already exists.";

/// A user is given the external id of another one.
pub const EXTERNAL_ID_TAKEN: &str = "A user with that external id already exists.";

/// A new client has the id of another one.
pub const CLIENT_ID_TAKEN: &str = "A client with that client id already exists.";

/// The password that confirms a request is wrong.
pub const WRONG_PASSWORD: &str = "Your password was entered incorrectly. Please enter it again.";

/// The password that is to be replaced is wrong (Django's message: `django/contrib/auth/forms.py::PasswordChangeForm`).
pub const WRONG_OLD_PASSWORD: &str = "Your old password was entered incorrectly. Please enter it again.";

/// A new name has characters that change the direction of writing.
pub const CHANGES_DIRECTION: &str = "Characters that change the direction of writing are not allowed.";

/// The message for the name of a group that another group has.
pub const GROUP_TAKEN: &str = "A group with that name already exists.";
