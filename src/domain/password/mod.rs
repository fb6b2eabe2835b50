//! Passwords and their hashes: argon2id for jeton's own, stored as PHC strings, and all formats of Django.
//!
//! Hashing takes milliseconds and megabytes; only the pool in `service/hasher/` calls it.

mod argon2;
mod costs;
mod django;
#[cfg(test)]
mod vectors;

use std::fmt;

use self::argon2::Argon2Hash;
pub use self::argon2::{Argon2Cost, Workspace, hash};
pub use self::costs::{HashCosts, NameKey};
use self::django::DjangoHash;
use super::random;

/// A clear password, in memory only.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Any text: rules for new passwords are in [`super::password_rules`].
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// A random password for a generated account: 120 bits in characters that are easily copied.
    #[must_use]
    pub fn generate() -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        Self(random::bytes::<24>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
    }

    /// The clear text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// A stored password hash: a PHC string, one of Django's formats, or unusable.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// From the database.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// A hash that no password matches: `!` and 40 random digits, as Django's `make_password(None)` writes it.
    #[must_use]
    pub fn unusable() -> Self {
        Self(format!("!{}", hex::encode(random::bytes::<20>())))
    }

    /// A dummy hash of this `cost`: checking a password against it takes as long as against a real hash.
    ///
    /// # Panics
    /// When `cost` was not checked with [`Argon2Cost::check`].
    #[must_use]
    pub fn dummy(cost: Argon2Cost) -> Self {
        argon2::dummy(cost)
    }

    /// A dummy hash that takes as long to check as this one. `None` when checking this one takes no time: it is
    /// unusable, unreadable, or of a format that is too weak.
    #[must_use]
    pub fn dummy_of_same_cost(&self) -> Option<Self> {
        match read(&self.0).ok()? {
            Stored::Unusable => None,
            Stored::Argon2(hash) => hash.dummy(),
            Stored::Django(hash) => hash.dummy().map(Self),
        }
    }

    /// Whether it is marked as unusable, so that no password matches it.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        matches!(read(&self.0), Ok(Stored::Unusable))
    }

    /// Whether a password can be checked against it, or it is deliberately unusable. Takes no time.
    ///
    /// # Errors
    /// The reason. Never [`HashFault::NotAllowed`] or [`HashFault::TooMuchMemory`], which depend on settings.
    pub fn check(&self) -> Result<(), HashFault> {
        read(&self.0).map(drop)
    }

    /// Whether a password can be checked against it within this much memory. Takes no time. A hash that cannot be
    /// checked at all is no error here.
    ///
    /// # Errors
    /// [`HashFault::TooMuchMemory`].
    pub fn fits(&self, max_memory_kib: u32) -> Result<(), HashFault> {
        let (name, memory_kib) = match read(&self.0) {
            Ok(Stored::Argon2(hash)) => hash.name_and_memory_kib(),
            Ok(Stored::Django(hash)) => hash.name_and_memory_kib(),
            Ok(Stored::Unusable) | Err(_) => return Ok(()),
        };
        if memory_kib > max_memory_kib { Err(HashFault::TooMuchMemory(name, memory_kib)) } else { Ok(()) }
    }

    /// Whether it is one of the formats that log in only with `JETON_LEGACY_HASHES`.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        matches!(read(&self.0), Ok(Stored::Django(hash)) if hash.legacy().is_some())
    }

    /// The name of the hasher at its beginning, known or not. `None` if it does not begin like a hash: then the text may
    /// be anything, even a password, and must not be shown.
    #[must_use]
    pub fn format(&self) -> Option<&str> {
        let (name, rest) = self.0.split_once('$')?;
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        let is_hash = rest.contains('$') && name.starts_with(|c: char| c.is_ascii_lowercase());
        Some(name).filter(|name| is_hash && name.len() <= 40 && name.chars().all(is_word))
    }

    /// For the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(hidden)")
    }
}

/// How new passwords are hashed, and which stored hashes are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPolicy {
    /// The configured cost of new hashes.
    pub cost: Argon2Cost,
    /// Whether Django's md5 and sha1 hashes are accepted.
    pub legacy: bool,
    /// The most memory that checking a password may take, in KiB.
    pub max_memory_kib: u32,
}

/// Why no password can be checked against a stored hash. The message names the format and reveals nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// An unknown format.
    #[error("the hash has an unknown format")]
    Unknown,
    /// It has the name of this format, but the rest is invalid.
    #[error("the {0} hash is corrupt")]
    Corrupt(&'static str),
    /// A check would take too much time or memory.
    #[error("the {0} hash costs more than is allowed: it counts as corrupt")]
    TooCostly(&'static str),
    /// A check would need more memory than the operator allows: this many KiB.
    #[error("the {0} hash takes {1} KiB of memory to check, which is more than JETON_HASH_MAX_MEMORY allows")]
    TooMuchMemory(&'static str, u32),
    /// A format that the operator does not allow.
    #[error("the hash is {0}, which logs in only with JETON_LEGACY_HASHES=true")]
    NotAllowed(&'static str),
}

/// The result of checking a password against a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right, and the hash has the configured cost.
    Good,
    /// The password is right, and the hash must be replaced.
    GoodButOutdated,
    /// The password is wrong.
    Wrong,
    /// No password is accepted, and almost no work was done: the hash is unusable, legacy or unreadable. Holds the
    /// reason.
    RefusedAtOnce(Option<HashFault>),
}

/// Checks `password` against `stored`.
#[must_use]
pub fn verify(stored: &PasswordHash, password: &Password, policy: HashPolicy, workspace: &mut Workspace) -> Verdict {
    if let Err(fault) = stored.fits(policy.max_memory_kib) {
        return Verdict::RefusedAtOnce(Some(fault));
    }
    match read(&stored.0) {
        Ok(Stored::Unusable) => Verdict::RefusedAtOnce(None),
        Ok(Stored::Argon2(hash)) => hash.verify(password, policy.cost, workspace),
        Ok(Stored::Django(hash)) => match (hash.legacy(), policy.legacy) {
            (Some(name), false) => Verdict::RefusedAtOnce(Some(HashFault::NotAllowed(name))),
            _ if hash.matches(&password.0) => Verdict::GoodButOutdated,
            // A legacy hash takes almost no time, so the caller checks a dummy hash as well.
            (Some(_), true) => Verdict::RefusedAtOnce(None),
            (None, _) => Verdict::Wrong,
        },
        Err(fault) => Verdict::RefusedAtOnce(Some(fault)),
    }
}

/// A parsed hash. Nothing was computed yet.
enum Stored<'a> {
    Unusable,
    Argon2(Argon2Hash),
    Django(DjangoHash<'a>),
}

fn read(stored: &str) -> Result<Stored<'_>, HashFault> {
    if stored.is_empty() || stored.starts_with('!') {
        return Ok(Stored::Unusable);
    }
    if stored.starts_with("$argon2") {
        return Argon2Hash::read(stored).map(Stored::Argon2);
    }
    match stored.strip_prefix("argon2").filter(|rest| rest.starts_with('$')) {
        Some(phc) => Argon2Hash::read_django(phc).map(Stored::Argon2),
        None => DjangoHash::read(stored).map(Stored::Django),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    const POLICY: HashPolicy = HashPolicy { cost: CHEAP, legacy: false, max_memory_kib: 1024 };

    fn password(text: &str) -> Password {
        Password::new(text.into())
    }

    #[test]
    fn a_hash_knows_its_password_and_its_cost() {
        let mut workspace = Workspace::default();
        let stored = hash(&password("correct horse"), CHEAP, &mut workspace);
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", stored.as_str());
        let dearer = Argon2Cost { iterations: 2, ..CHEAP };
        for (text, cost, verdict) in [
            ("correct horse", CHEAP, Verdict::Good),
            ("correct horse", dearer, Verdict::GoodButOutdated),
            ("correct horse ", CHEAP, Verdict::Wrong),
            ("", CHEAP, Verdict::Wrong),
        ] {
            let policy = HashPolicy { cost, ..POLICY };
            assert_eq!(verify(&stored, &password(text), policy, &mut workspace), verdict, "{text:?} {cost:?}");
        }
        let less = HashPolicy { max_memory_kib: 63, ..POLICY };
        let verdict = verify(&stored, &password("correct horse"), less, &mut workspace);
        assert_eq!(verdict, Verdict::RefusedAtOnce(Some(HashFault::TooMuchMemory("argon2", 64))));
        let foreign = PasswordHash::from_stored(format!("argon2{}", stored.as_str()));
        let verdict = verify(&foreign, &password("correct horse"), POLICY, &mut workspace);
        assert_eq!(verdict, Verdict::GoodButOutdated, "Django's form is replaced whatever its cost");
    }
}
