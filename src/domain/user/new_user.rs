//! Users who are to be created or imported.

use crate::domain::password::PasswordHash;
use crate::domain::profile::Profile;
use crate::domain::time::Timestamp;

/// Bootstrap users, and all users created after an import from Django, get ids from here up. Ids below this are for
/// imported users, and for users created before such an import.
pub const FIRST_BOOTSTRAP_ID: i64 = 2_000_000_000;

/// The fields of a new user. `P` is the optional password before the check, and the hash after it.
#[derive(Clone, Debug)]
pub struct NewUser<P = PasswordHash> {
    /// The login name, normalised by [`super::new_username`].
    pub username: String,
    /// E-mail address and names.
    pub profile: Profile,
    /// Whether the user may log in.
    pub is_active: bool,
    /// May use the admin API.
    pub is_staff: bool,
    /// Implies staff.
    pub is_superuser: bool,
    /// The names of the user's groups. Unknown groups are created.
    pub groups: Vec<String>,
    /// The hash may be [`PasswordHash::unusable`].
    pub password: P,
}

impl<P> NewUser<P> {
    /// An ordinary active user.
    pub fn named(username: impl Into<String>, password: P) -> Self {
        Self {
            username: username.into(),
            profile: Profile::default(),
            is_active: true,
            is_staff: false,
            is_superuser: false,
            groups: Vec::new(),
            password,
        }
    }
}

/// A user to be imported, as they are at the source.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The same id as at the source, or a new one.
    pub id: i64,
    /// The key at the source, if it is not the id.
    pub external_id: Option<String>,
    /// The name is not normalised, because its owner types it that way; the hash may be of any format.
    pub user: NewUser,
    /// When the user was created at the source.
    pub date_joined: Timestamp,
    /// When the user last logged in at the source.
    pub last_login: Option<Timestamp>,
}
