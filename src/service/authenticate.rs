//! Who is calling: the holder of a token, or a client with its secret.

use std::fmt;

use super::{Error, Reason, Service};
use crate::domain::client::ClientSecret;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// Why a caller's token was not accepted, in DRF's words (`rest_framework/authentication.py::TokenAuthentication`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationFault {
    /// No `Authorization`, or of a scheme that is not ours.
    Missing,
    /// A keyword without a key.
    NoKey,
    /// More than one word after the keyword.
    Spaces,
    /// A key that is not UTF-8.
    InvalidCharacters,
    /// No such live token.
    InvalidToken,
    /// A good token of an inactive user.
    UserInactive,
}

impl fmt::Display for AuthenticationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Authentication credentials were not provided.",
            Self::NoKey => "Invalid token header. No credentials provided.",
            Self::Spaces => "Invalid token header. Token string should not contain spaces.",
            Self::InvalidCharacters => "Invalid token header. Token string should not contain invalid characters.",
            Self::InvalidToken => "Invalid token.",
            Self::UserInactive => "User inactive or deleted.",
        })
    }
}

/// A user who presented a live token of theirs.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Who.
    pub user: User,
    /// With which token.
    pub token: TokenFacts,
}

impl Service {
    /// The holder of `key`.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when it is not a live token of an active user.
    pub async fn authenticate(&self, key: &str) -> Result<Holder, Error> {
        match self.lookup(key).await? {
            Ok((token, user)) => Ok(Holder { user, token }),
            Err(reason) => {
                log::info!(reason = reason.as_str(); "a token was refused");
                Err(Error::NotAuthenticated(match reason {
                    Reason::UserInactive => AuthenticationFault::UserInactive,
                    _ => AuthenticationFault::InvalidToken,
                }))
            }
        }
    }

    /// The id of the client that one of `candidates`, pairs of id and secret, names with its right secret.
    pub async fn authenticate_client(&self, candidates: Vec<(String, ClientSecret)>) -> Result<Option<String>, Error> {
        for (client_id, secret) in candidates {
            let wanted = client_id.clone();
            let client = self.db(move |store| store.client(&wanted)).await?;
            if client.is_some_and(|client| client.secret.matches(&secret)) {
                return Ok(Some(client_id));
            }
        }
        Ok(None)
    }
}
