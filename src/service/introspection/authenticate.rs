//! Who is calling: the holder of a token, or a client with its secret.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::domain::client::{ClientSecret, SecretDigest, Secrets};
use crate::domain::time::Uptime;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;
use crate::service::introspection::cache::{Born, Patience};
use crate::service::{Error, Introspect};

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

impl Introspect {
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
    /// Only a right secret is believed from memory. Whatever else is presented costs one question to the database and one
    /// comparison, so that time does not tell which ids there are.
    ///
    /// # Errors
    /// [`Error::Store`], when the cache may not answer in the database's place.
    pub async fn authenticate_client(&self, candidates: Vec<(String, ClientSecret)>) -> Result<Option<String>, Error> {
        for (client_id, secret) in candidates {
            let (presented, now) = (secret.digest(), self.clock.now());
            let matches = |secrets: &Secrets| secrets.match_at(&presented, now);
            if self.kept_client_with(&client_id, matches, Patience::Bound).is_some()
                || self.look_client_up(&client_id, &presented).await?
            {
                return Ok(Some(client_id));
            }
        }
        Ok(None)
    }

    /// Whether one of `candidates` is right, by the cache alone, and what had been heard of changes when its client was
    /// looked up. `None`: [`Introspect::authenticate_client`] is to be asked. A secret that a grace will end is not among
    /// them: whoever is told remembers it.
    #[must_use]
    pub fn accepts_client(&self, candidates: &[(String, ClientSecret)]) -> Option<Born> {
        candidates.iter().find_map(|(id, secret)| {
            let presented = secret.digest();
            self.kept_client_with(id, |secrets| secrets.match_lastingly(&presented), Patience::Bound)
        })
    }

    /// Whether there was a client of this id when one was asked for last.
    #[must_use]
    pub fn has_met_client(&self, client_id: &str) -> bool {
        self.clients.get(client_id).is_some()
    }

    /// Whether what was accepted then may be accepted now: provably no client has changed since.
    #[must_use]
    pub fn clients_stand(&self, born: Born) -> bool {
        self.cache.clients_stand(born, Uptime::now(), Patience::Bound)
    }

    /// What had been heard of changes when this client was looked up, if it is kept with a secret that `matches`.
    fn kept_client_with(
        &self,
        client_id: &str,
        matches: impl FnOnce(&Secrets) -> bool,
        patience: Patience,
    ) -> Option<Born> {
        let kept = self.clients.get(client_id);
        let (born, secrets) = kept.map_or((None, Secrets::of_nothing()), |(born, secrets)| (Some(born), secrets));
        // Compared whether there is one or not.
        let is_right = matches(&secrets);
        born.filter(|born| is_right && self.cache.clients_stand(*born, Uptime::now(), patience))
    }

    /// Whether the database has a client with this id and this secret. Without the database only a right secret is told
    /// from others.
    async fn look_client_up(&self, client_id: &str, presented: &SecretDigest) -> Result<bool, Error> {
        let (born, wanted) = (self.cache.born(), client_id.to_owned());
        let matches = |secrets: &Secrets| secrets.match_at(presented, self.clock.now());
        match self.database.run(move |store| store.client_secrets(&wanted)).await {
            Ok(stored) => {
                let is_right = matches(stored.as_ref().unwrap_or(&Secrets::of_nothing()));
                if is_right && let Some(secrets) = stored {
                    self.clients.keep(client_id, born, secrets);
                }
                Ok(is_right)
            }
            Err(error) => {
                let kept = self.kept_client_with(client_id, matches, Patience::StaleIfError);
                if kept.is_some() && error.is_passing() { Ok(true) } else { Err(error) }
            }
        }
    }
}

/// Clients that have shown their secret. There are few: only who exists is kept. One that was deleted stays, and is not
/// believed, for clients have changed since it was looked up.
#[derive(Default)]
pub struct Clients {
    known: RwLock<HashMap<String, (Born, Secrets)>>,
}

impl Clients {
    fn get(&self, client_id: &str) -> Option<(Born, Secrets)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }

    fn keep(&self, client_id: &str, born: Born, secrets: Secrets) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(client_id.to_owned(), (born, secrets));
    }
}
