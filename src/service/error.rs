//! Why a verb was refused. `http/error.rs` turns it into an answer, `cli` into a sentence.

use std::borrow::Cow;
use std::time::Duration;

use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::reasons::{AuthenticationFault, LoginRefusal, Reason};
use crate::store::StoreError;

/// Every way a verb can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not authenticated (401).
    #[error("{0}")]
    NotAuthenticated(AuthenticationFault),
    /// Authenticated, but not allowed (403).
    #[error("You do not have permission to perform this action.")]
    PermissionDenied,
    /// The object does not exist (404).
    #[error("Not found.")]
    NotFound,
    /// The input is not valid (400).
    #[error("{0}")]
    Invalid(Faults),
    /// A failed login (400). The reason is for the audit log; the message is DRF's, the same for every reason.
    #[error("Unable to log in with provided credentials.")]
    LoginRefused(LoginRefusal),
    /// The request is valid, but the current state does not allow it (409).
    #[error("{0}")]
    Conflict(String),
    /// The user has reached the limit of login tokens, or of named tokens that they may create (403, as in Knox).
    #[error("Maximum amount of tokens allowed per user exceeded.")]
    TokenLimit,
    /// Too many failures, or at an edge too many requests to its upstream; try again after this time (429).
    #[error("Request was throttled.")]
    Throttled(Duration),
    /// Too many logins are waiting already (503).
    #[error("too many logins at once")]
    Busy,
    /// The user keeps changing while this runs (503).
    #[error("This user is being changed by others, try again later.")]
    UserChanging,
    /// The change is made, but this node stops before everybody knows of it (503).
    #[error(
        "The change is made, but this node stops before everybody knows of it. Wait for JETON_REVOCATION_BOUND instead."
    )]
    Stopping,
    /// The database failed, or at an edge the upstream (503 or 500).
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LastSuperuser => Self::Conflict("The last active superuser cannot be removed.".into()),
            StoreError::Throttled(wait) => Self::Throttled(wait),
            other => Self::Store(other),
        }
    }
}

impl Error {
    /// A caller's token was not accepted.
    pub(super) fn refused(reason: Reason) -> Self {
        log::info!(reason = reason.as_str(); "a token was refused");
        Self::NotAuthenticated(match reason {
            Reason::UserInactive => AuthenticationFault::UserInactive,
            _ => AuthenticationFault::InvalidToken,
        })
    }

    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Throttled(_) => true,
            _ => false,
        }
    }

    /// The log level for an error that no caller receives.
    #[must_use]
    pub const fn level(&self) -> log::Level {
        match self {
            Self::Store(error) => error.level(),
            _ => log::Level::Warn,
        }
    }

    /// One fault of one field.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let mut faults = Faults::default();
        faults.add(field, message);
        Self::Invalid(faults)
    }
}

/// Faults by field, in the order of the fields, as DRF answers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(String, Vec<String>)>);

impl Faults {
    /// The field of faults that concern no single field.
    pub const NON_FIELD: &'static str = "non_field_errors";

    /// Adds a message to a field.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let message = message.into();
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, messages)) => messages.push(message),
            None => self.0.push((field.to_owned(), vec![message])),
        }
    }

    /// Whether anything is wrong with this field.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// Puts the fields in this order.
    pub fn in_order_of(&mut self, fields: &[&str]) {
        self.0.sort_by_key(|(name, _)| fields.iter().position(|field| field == name));
    }

    /// All fields, with their messages.
    #[must_use]
    pub fn fields(&self) -> &[(String, Vec<String>)] {
        &self.0
    }

    /// # Errors
    /// [`Error::Invalid`] when there is any fault.
    pub fn into_result(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
}

impl PartialSchema for Faults {
    fn schema() -> RefOr<Schema> {
        let messages = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
        let fields = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(messages));
        fields.description(Some("What is wrong, by field.")).into()
    }
}

impl ToSchema for Faults {
    fn name() -> Cow<'static, str> {
        "FieldErrors".into()
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (field, messages)) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            if field != Self::NON_FIELD {
                write!(f, "{field}: ")?;
            }
            f.write_str(&messages.join(" "))?;
        }
        Ok(())
    }
}
