//! Why somebody or something was refused, as words: for the log, the audit log, metrics and `explain`.

use std::fmt;

/// Why a token is inactive. Goes to the log and to `explain`, never to an introspecting client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Text that cannot be a key.
    Malformed,
    /// No such token; its row may have been purged.
    Unknown,
    /// It has expired.
    Expired,
    /// Somebody revoked it.
    Revoked,
    /// Its user is inactive.
    UserInactive,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Malformed, Self::Unknown, Self::Expired, Self::Revoked, Self::UserInactive];

    /// The word in logs, metrics and `explain`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::UserInactive => "user_inactive",
        }
    }
}

/// Why a caller's token was not accepted, in DRF's words (`rest_framework/authentication.py::TokenAuthentication`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationFault {
    /// No `Authorization`, or one of another scheme.
    Missing,
    /// A keyword without a key.
    NoKey,
    /// More than one word after the keyword.
    Spaces,
    /// A key that is not UTF-8.
    InvalidCharacters,
    /// Two keys that differ.
    TwoKeys,
    /// HTTP Basic without credentials.
    NoBasicCredentials,
    /// More than one word after `Basic`.
    BasicSpaces,
    /// HTTP Basic that cannot be decoded.
    NotBase64,
    /// HTTP Basic with a name and a password that log nobody in.
    InvalidPassword,
    /// No such live token.
    InvalidToken,
    /// A valid token of an inactive user.
    UserInactive,
}

impl fmt::Display for AuthenticationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Authentication credentials were not provided.",
            Self::NoKey => "Invalid token header. No credentials provided.",
            Self::Spaces => "Invalid token header. Token string should not contain spaces.",
            Self::InvalidCharacters => "Invalid token header. Token string should not contain invalid characters.",
            Self::NoBasicCredentials => "Invalid basic header. No credentials provided.",
            Self::BasicSpaces => "Invalid basic header. Credentials string should not contain spaces.",
            Self::NotBase64 => "Invalid basic header. Credentials not correctly base64 encoded.",
            Self::InvalidPassword => "Invalid username/password.",
            Self::TwoKeys => "Invalid token header. Two different tokens were sent.",
            Self::InvalidToken => "Invalid token.",
            Self::UserInactive => "User inactive or deleted.",
        })
    }
}

/// Why a login was refused: for staff, in the audit log. The client gets the same message for every reason.
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
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::UnknownUser, Self::WrongPassword, Self::Inactive, Self::NoPassword, Self::TooCostly, Self::NotStaff];

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
