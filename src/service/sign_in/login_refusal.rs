//! Why a login was refused: for staff, in the audit log. The client gets the same message for every reason.

use crate::domain::password::HashFault;
use crate::domain::user::User;
use crate::service::sign_in::hasher::Checked;

/// The reason of a refused login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// There is no such user.
    UnknownUser,
    /// The password is wrong.
    WrongPassword,
    /// The user is inactive, whatever the password.
    Inactive,
    /// No password logs the user in: none is set, or no password can be checked against what is stored.
    NoPassword,
    /// A check against the stored hash would cost too much.
    TooCostly,
    /// The password is right, and the user may not use the console.
    NotStaff,
}

impl LoginRefusal {
    /// Derives the reason from the user, if there is one, and from the result of the password check.
    pub fn of(user: Option<&User>, checked: &Checked) -> Self {
        match (user, checked) {
            (None, _) => Self::UnknownUser,
            (Some(user), _) if !user.is_active => Self::Inactive,
            (Some(_), Checked::Unreadable(HashFault::TooCostly(_) | HashFault::TooMuchMemory(..))) => Self::TooCostly,
            (Some(_), Checked::Unreadable(_)) => Self::NoPassword,
            (Some(user), Checked::Wrong) if user.password.is_unusable() => Self::NoPassword,
            (Some(_), Checked::Wrong | Checked::Good(_)) => Self::WrongPassword,
        }
    }

    /// The word in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::Inactive => "inactive",
            Self::NoPassword => "no_password",
            Self::TooCostly => "too_costly",
            Self::NotStaff => "not_staff",
        }
    }
}
