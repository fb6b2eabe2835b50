//! Who is calling: the holder of a token, or a client with its secret.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::cache::{Born, Patience};
use super::{Error, Service};
use crate::domain::client::{ClientSecret, SecretDigest};
use crate::domain::time::Uptime;
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
    /// Two keys that differ.
    TwoKeys,
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
            Self::TwoKeys => "Invalid token header. Two different tokens were sent.",
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
        let (token, user) = self.lookup(key).await?.map_err(Error::refused)?;
        Ok(Holder { user, token })
    }

    /// The id of the client that one of `candidates`, pairs of id and secret, names with its right secret.
    ///
    /// # Errors
    /// [`Error::Store`], when the cache may not answer in the database's place.
    pub async fn authenticate_client(&self, candidates: Vec<(String, ClientSecret)>) -> Result<Option<String>, Error> {
        for (client_id, secret) in candidates {
            let digest = match self.kept_client(&client_id, Patience::Bound) {
                Some((_, digest)) => Some(digest),
                None => self.look_client_up(&client_id).await?,
            };
            if digest.is_some_and(|digest| digest.matches(&secret)) {
                return Ok(Some(client_id));
            }
        }
        Ok(None)
    }

    /// Whether one of `candidates` is right, by the cache alone, and what had been heard of changes when its client was
    /// looked up. `None`: [`Service::authenticate_client`] is to be asked.
    #[must_use]
    pub fn accepts_client(&self, candidates: &[(String, ClientSecret)]) -> Option<Born> {
        candidates.iter().find_map(|(client_id, secret)| {
            let (born, digest) = self.kept_client(client_id, Patience::Bound)?;
            digest.matches(secret).then_some(born)
        })
    }

    /// Whether what was accepted then may be accepted now: provably no client has changed since.
    #[must_use]
    pub fn clients_stand(&self, born: Born) -> bool {
        self.inner.cache.clients_stand(born, Uptime::now(), Patience::Bound)
    }

    fn kept_client(&self, client_id: &str, patience: Patience) -> Option<(Born, SecretDigest)> {
        let kept = self.inner.clients.get(client_id)?;
        self.inner.cache.clients_stand(kept.0, Uptime::now(), patience).then_some(kept)
    }

    async fn look_client_up(&self, client_id: &str) -> Result<Option<SecretDigest>, Error> {
        let born = self.inner.cache.born();
        let wanted = client_id.to_owned();
        match self.db(move |store| store.client(&wanted)).await {
            Ok(client) => {
                let digest = client.map(|client| client.secret);
                self.inner.clients.keep(client_id, digest.as_ref().map(|digest| (born, digest.clone())));
                Ok(digest)
            }
            Err(error) => {
                let kept = self.kept_client(client_id, Patience::StaleIfError).filter(|_| error.is_passing());
                kept.map(|(_, digest)| Some(digest)).ok_or(error)
            }
        }
    }
}

/// Clients that were looked up. There are few, and only those that exist are kept.
#[derive(Default)]
pub struct Clients {
    known: RwLock<HashMap<String, (Born, SecretDigest)>>,
}

impl Clients {
    fn get(&self, client_id: &str) -> Option<(Born, SecretDigest)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }

    fn keep(&self, client_id: &str, client: Option<(Born, SecretDigest)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match client {
            Some(client) => drop(known.insert(client_id.to_owned(), client)),
            None => drop(known.remove(client_id)),
        }
    }
}
