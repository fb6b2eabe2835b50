//! Who may call an endpoint. The type of its handler's first parameter says it, and checks it.

use serde_json::json;
use utoipa::openapi::schema::AnyOfBuilder;

use super::answers::THROTTLED;
use super::answers::reference;
use super::common::{Header, Security};
use super::operation::Operation;
use crate::http::answer::Detail;
use crate::http::error::{OAuthError, SERVER_ERROR};
use crate::service::{AuthenticationFault, Error};

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without credentials.
    Anyone,
    /// The holder of a live token.
    TokenHolder,
    /// The holder of a live login token.
    LoginHolder,
    /// A gateway, with the token of the request that it forwards.
    Gateway,
    /// A registered client, or staff.
    Introspector,
    /// A registered client, a user, or the holder of the token that is to be revoked.
    Revoker,
    /// A user who is signed in at `/account/`, in a browser.
    SignedIn,
    /// Staff, with a login token or a named token with the scope `jeton:admin`.
    Staff,
    /// Superusers, with the same kinds of tokens.
    Superuser,
}

impl Access {
    /// The text for the tables of the documentation.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::TokenHolder => "a token's holder",
            Self::LoginHolder => "a login token's holder",
            Self::Gateway => "a gateway",
            Self::Introspector => "a client, or staff",
            Self::Revoker => "a client, a user, or the holder of the token",
            Self::SignedIn => "a user, in a browser",
            Self::Staff => "staff",
            Self::Superuser => "superuser",
        }
    }

    /// Whether the endpoint refuses in OAuth's form (RFC 6749 section 5.2).
    #[must_use]
    pub const fn refuses_as_oauth(self) -> bool {
        matches!(self, Self::Introspector | Self::Revoker)
    }

    /// Adds to an operation its credentials, and the answers to callers without sufficient ones.
    pub(super) fn describe(self, operation: Operation) -> Operation {
        const OAUTH: &[Security] = &[Security::Client, Security::Bearer, Security::Token, Security::None];
        match self {
            // Only pages are for them, and pages are no operations.
            Self::SignedIn => operation,
            Self::Anyone if operation.is_secured() => operation,
            Self::Anyone => operation.secured(&[]),
            Self::TokenHolder | Self::Gateway => by_token(operation),
            Self::LoginHolder => {
                by_token(operation).refuses_as("The token is a named token.", &Error::PermissionDenied)
            }
            Self::Introspector => oauth(operation.secured(OAUTH)).refuses_as(
                "The caller is a user who is not staff, or their token is a named one without `jeton:admin`.",
                &Error::PermissionDenied,
            ),
            Self::Revoker => oauth(operation.secured(OAUTH))
                .refuses_as("The caller may not revoke this token.", &Error::PermissionDenied),
            Self::Staff => by_token(operation).refuses_as(
                "The caller is not staff, only a superuser may do this, or the token is a named one without the scope \
                 `jeton:admin`.",
                &Error::PermissionDenied,
            ),
            Self::Superuser => by_token(operation).refuses_as(
                "The caller is not a superuser, or their token is a named one without the scope `jeton:admin`.",
                &Error::PermissionDenied,
            ),
        }
    }
}

fn by_token(operation: Operation) -> Operation {
    operation
        .secured(&[Security::Bearer, Security::Token])
        .refuses_as("No token, or one that is not valid.", &Error::NotAuthenticated(AuthenticationFault::Missing))
        .with(Header::TokenChallenge)
        .needs_database()
}

/// How OAuth endpoints refuse.
fn oauth(mut operation: Operation) -> Operation {
    operation.add::<Detail>();
    operation.add::<OAuthError>();
    let missing = json!({ "error": "invalid_request", "error_description": "the parameter token is missing" });
    let either = || AnyOfBuilder::new().item(reference::<OAuthError>()).item(reference::<Detail>());
    operation
        .answers_either(400, "The request is malformed.", either(), missing)
        .answers_either(
            401,
            "The caller's credentials are missing or wrong.",
            either(),
            json!({ "error": "invalid_client" }),
        )
        .with(Header::ClientChallenge)
        .refuses_as("Too many failed client credentials from this address (`JETON_CLIENT_LIMIT_ADDRESS`).", &THROTTLED)
        .with(Header::RetryAfter)
        .answers_either(
            503,
            "The database does not answer, and the cache has no answer that is fresh enough.",
            either(),
            json!({ "error": "temporarily_unavailable" }),
        )
        .with(Header::RetryAfter)
        .refuses(500, "An internal error; the log has the details.", SERVER_ERROR)
}
