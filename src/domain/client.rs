//! Clients: the services that may introspect. Their secrets are 256 random bits, so a fast digest is enough.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use super::random;
use super::time::Timestamp;

/// The minimum length of a secret that an operator chose, in characters.
const MIN_SECRET_CHARS: usize = 32;

/// A registered client as it is stored. As JSON it is the admin API's object.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(description = "A service that may introspect.")]
pub struct Client {
    /// The id that the client sends with every request (RFC 6749 section 2.2).
    #[schema(example = "billing")]
    pub client_id: String,
    /// The digest of its current secret.
    #[serde(skip)]
    pub secret: SecretDigest,
    /// The digest of the secret before the last rotation, and the end of its grace period.
    #[serde(skip)]
    pub previous: Option<(SecretDigest, Timestamp)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its secret was last replaced.
    #[schema(required)]
    pub rotated_at: Option<Timestamp>,
    /// Until when the secret before the last rotation is valid as well; null if there is none, or it has ended.
    #[schema(required)]
    pub grace_until: Option<Timestamp>,
    /// What superusers wrote about it.
    #[serde(flatten)]
    pub details: ClientDetails,
    /// What it sent.
    #[serde(flatten)]
    pub usage: ClientUsage,
}

/// What superusers write about a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClientDetails {
    /// What the client is for.
    #[schema(example = "Invoices and reminders")]
    pub note: String,
    /// Who runs it.
    #[schema(example = "team-billing@example.com")]
    pub owner: String,
}

/// New details of a client; `None`: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientDetailsChange {
    /// A new note.
    pub note: Option<String>,
    /// A new owner.
    pub owner: Option<String>,
}

/// How often a client asks, to the minute. What an edge answers from its memory is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClientUsage {
    /// When it last sent a request.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
    /// When it last sent one with the secret from before the last rotation, during its grace period; null if it has not.
    #[schema(required)]
    pub previous_secret_last_used_at: Option<Timestamp>,
    /// How many requests it has sent since midnight (UTC).
    #[schema(example = 18_240)]
    pub requests_today: i64,
    /// How many it sent the day before.
    #[schema(example = 31_007)]
    pub requests_yesterday: i64,
}

/// The longest note, in characters.
pub const MAX_NOTE: usize = 500;

/// The longest owner, in characters.
pub const MAX_OWNER: usize = 150;

/// The pattern of a client id; [`client_id_fault`] checks it.
pub const CLIENT_ID_PATTERN: &str = "^[!-9;-~]+$";

/// The longest client id, in characters.
pub const MAX_CLIENT_ID: usize = 150;

impl Client {
    /// The secrets that the client may present.
    #[must_use]
    pub fn secrets(self) -> Secrets {
        Secrets::new(self.secret, self.previous)
    }
}

/// The secrets that a client may present: the current one and, during a grace period, the one before the rotation.
#[derive(Clone, Debug)]
pub struct Secrets {
    current: SecretDigest,
    previous: Option<(SecretDigest, Timestamp)>,
}

impl Secrets {
    /// `previous`: the secret before the last rotation, and the end of its grace period.
    #[must_use]
    pub const fn new(current: SecretDigest, previous: Option<(SecretDigest, Timestamp)>) -> Self {
        Self { current, previous }
    }

    /// Secrets that nothing matches, for a client that does not exist.
    #[must_use]
    pub fn matching_nothing() -> Self {
        Self { current: SecretDigest::matching_nothing(), previous: None }
    }

    /// Whether `presented` is valid at this time, and until when. Takes the same time for every secret.
    #[must_use]
    pub fn match_at(&self, presented: &SecretDigest, now: Timestamp) -> Option<MatchingSecret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        let is_current = self.current.is(presented);
        let until = previous.filter(|(digest, _)| digest.is(presented)).map(|(_, until)| *until);
        let is_right = is_current | until.is_some();
        is_right.then_some(MatchingSecret { until: until.filter(|_| !is_current) })
    }

    /// The same secrets, but with this one as the current one, or with `until` as the previous one.
    #[must_use]
    pub fn with(self, secret: SecretDigest, until: Option<Timestamp>) -> Self {
        match until {
            None => Self { current: secret, ..self },
            Some(until) => Self { previous: Some((secret, until)), ..self },
        }
    }

    /// Whether `presented` is the current secret, which stays valid until the client changes.
    #[must_use]
    pub fn matches_current(&self, presented: &SecretDigest) -> bool {
        self.current.is(presented)
    }
}

/// A secret that was presented, and is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchingSecret {
    /// The end of its grace period; `None` for the current secret, which is valid until the client changes.
    pub until: Option<Timestamp>,
}

/// A clear client secret: shown once, never stored.
#[derive(Clone)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// 32 random bytes as 64 lower-case hex digits: they need no quoting in a shell or a URL.
    #[must_use]
    pub fn generate() -> Self {
        Self(hex::encode(random::bytes::<32>()))
    }

    /// A secret that an operator chose.
    ///
    /// # Errors
    /// When it is too short to resist guessing. The message does not contain the secret.
    pub fn chosen(text: &str) -> Result<Self, String> {
        if text.chars().count() < MIN_SECRET_CHARS {
            return Err(format!(
                "it must have at least {MIN_SECRET_CHARS} characters; make one with: openssl rand -hex 32"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// A secret that a caller presents.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The clear secret, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The digest that is stored.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest(Sha512::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(hidden)")
    }
}

/// SHA-512 of a client secret. Deliberately without `PartialEq`: compare with [`SecretDigest::matches`].
#[derive(Clone)]
pub struct SecretDigest([u8; 64]);

impl SecretDigest {
    /// From the database; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// A digest that no secret has.
    #[must_use]
    pub const fn matching_nothing() -> Self {
        Self([0; 64])
    }

    /// Whether `presented` is the secret. Takes the same time for every secret.
    #[must_use]
    pub fn matches(&self, presented: &ClientSecret) -> bool {
        self.is(&presented.digest())
    }

    /// Whether both digests are equal. Takes the same time for all digests.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(hidden)")
    }
}

/// Why `client_id` cannot be registered; `None` when it can. RFC 6749 appendix A.1 allows visible ASCII and blanks;
/// blanks and `:` are not allowed here, because they cause trouble in shells and in HTTP Basic.
#[must_use]
pub fn client_id_fault(client_id: &str) -> Option<&'static str> {
    if client_id.is_empty() {
        Some("This field may not be blank.")
    } else if client_id.len() > MAX_CLIENT_ID {
        Some("Ensure this field has no more than 150 characters.")
    } else if !client_id.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        Some("Enter a valid client id: visible ASCII characters other than a colon.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_secret_is_valid_until_its_grace_ends() {
        let [old, new] = [(); 2].map(|()| ClientSecret::generate());
        let end = Timestamp::from_micros(1_000);
        let before = Timestamp::from_micros(999);
        let secrets = Secrets { current: new.digest(), previous: Some((old.digest(), end)) };
        let in_grace = Some(MatchingSecret { until: Some(end) });
        let current = Some(MatchingSecret { until: None });
        assert_eq!([before, end].map(|now| secrets.match_at(&old.digest(), now)), [in_grace, None]);
        assert_eq!([before, end].map(|now| secrets.match_at(&new.digest(), now)), [current; 2]);
        assert!(secrets.matches_current(&new.digest()) && !secrets.matches_current(&old.digest()));
        assert_eq!(secrets.match_at(&ClientSecret::generate().digest(), before), None);
        let told = Secrets::matching_nothing().with(old.digest(), Some(end)).with(new.digest(), None);
        assert_eq!([&old, &new].map(|secret| told.match_at(&secret.digest(), before)), [in_grace, current]);
    }
}
