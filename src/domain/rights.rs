//! What users may do on jeton itself.

use super::scope;
use super::token::TokenKind;
use super::user::User;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Their own account and tokens.
    Holder,
    /// Ordinary users and their tokens.
    Staff,
    /// Everything.
    Superuser,
}

impl Rights {
    /// From Django's flags.
    #[must_use]
    pub const fn of(is_staff: bool, is_superuser: bool) -> Self {
        match (is_superuser, is_staff) {
            (true, _) => Self::Superuser,
            (false, true) => Self::Staff,
            (false, false) => Self::Holder,
        }
    }

    /// What somebody needs to change this user: only a superuser may change staff and superusers.
    #[must_use]
    pub const fn to_change(user: &User) -> Self {
        if user.is_staff || user.is_superuser { Self::Superuser } else { Self::Staff }
    }

    /// The user's rights that this token carries.
    #[must_use]
    pub fn by_token(self, kind: TokenKind, scopes: &str) -> Self {
        if acts_for_its_user(kind, scopes) { self } else { Self::Holder }
    }
}

/// Whether a token has its user's rights on jeton itself. A named token has them only with the scope `jeton:admin`.
#[must_use]
pub fn acts_for_its_user(kind: TokenKind, scopes: &str) -> bool {
    kind == TokenKind::Login || scope::has(scopes, scope::ADMIN)
}
