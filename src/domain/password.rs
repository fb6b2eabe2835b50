//! Passwords and their hashes: argon2id for ours, kept as PHC strings.
//!
//! Hashing takes milliseconds and megabytes; only the pool in `service/hasher.rs` calls it.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use super::random;

/// The most memory that checking a stored hash may take, whatever parameters stand in it.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

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
    /// As it stands in the database.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// A hash that no password matches: `!` and 40 random digits, as Django's `make_password(None)` writes it.
    #[must_use]
    pub fn unusable() -> Self {
        Self(format!("!{}", hex::encode(random::bytes::<20>())))
    }

    /// A hash of nothing, with `cost`: checking any password against it takes as long as against a real one.
    ///
    /// # Panics
    /// When `cost` was not checked with [`Argon2Cost::check`].
    #[must_use]
    pub fn dummy(cost: Argon2Cost) -> Self {
        phc_string(&cost.params().expect("the cost was checked at start"), &random::bytes(), &random::bytes())
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

/// Today's cost of a new hash: `JETON_ARGON2_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Argon2Cost {
    /// # Errors
    /// When argon2 does not allow the combination.
    pub fn check(self) -> Result<Self, String> {
        if self.memory_kib > MAX_MEMORY_KIB {
            return Err(format!("argon2 memory is at most {MAX_MEMORY_KIB} KiB"));
        }
        self.params().map(|_| self).map_err(|error| format!("argon2 does not allow these parameters: {error}"))
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32))
    }
}

/// Memory for argon2, kept by a thread from one hash to the next instead of being allocated each time.
#[derive(Default)]
pub struct Workspace(Vec<Block>);

impl Workspace {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }

    /// Gives back what a costly foreign hash took beyond `cost`.
    pub fn shrink_to(&mut self, cost: Argon2Cost) {
        if let Ok(params) = cost.params()
            && self.0.len() > params.block_count()
        {
            self.0.truncate(params.block_count());
            self.0.shrink_to_fit();
        }
    }
}

/// Hashes `password` with today's cost.
///
/// # Panics
/// When `cost` was not checked with [`Argon2Cost::check`].
#[must_use]
pub fn hash(password: &Password, cost: Argon2Cost, workspace: &mut Workspace) -> PasswordHash {
    let params = cost.params().expect("the cost was checked at start");
    let salt = random::bytes();
    let mut output = [0; 32];
    let blocks = workspace.blocks(params.block_count());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.0.as_bytes(), &salt, &mut output, blocks)
        .expect("checked parameters and a bounded password");
    phc_string(&params, &salt, &output)
}

fn phc_string(params: &Params, salt: &[u8; 16], output: &[u8; 32]) -> PasswordHash {
    let phc = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: phc::ParamsString::try_from(params).expect("checked parameters"),
        salt: Some(phc::Salt::new(salt).expect("16 bytes are a salt")),
        hash: Some(phc::Output::new(output).expect("32 bytes are an output")),
    };
    PasswordHash(phc.to_string())
}

/// What checking a password against a stored hash found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password, and the hash has today's cost.
    Good,
    /// It is the password; the hash is to be replaced.
    GoodButOutdated,
    /// It is not.
    Wrong,
    /// No password matches this hash, and no work was done to find out: unusable, unknown or corrupt.
    Unusable,
}

/// Checks `password` against `stored`.
#[must_use]
pub fn verify(stored: &PasswordHash, password: &Password, cost: Argon2Cost, workspace: &mut Workspace) -> Verdict {
    verify_argon2(&stored.0, password, cost, workspace).unwrap_or(Verdict::Unusable)
}

fn verify_argon2(stored: &str, password: &Password, cost: Argon2Cost, workspace: &mut Workspace) -> Option<Verdict> {
    let phc = phc::PasswordHash::new(stored).ok()?;
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
    let params = Params::try_from(&phc).ok()?;
    let (salt, expected) = (phc.salt?, phc.hash?);
    if params.m_cost() > MAX_MEMORY_KIB {
        return None;
    }
    let today =
        algorithm == Algorithm::Argon2id && version == Version::V0x13 && Some(&params) == cost.params().ok().as_ref();
    let mut output = [0; phc::Output::MAX_LENGTH];
    let output = &mut output[..expected.len()];
    let blocks = workspace.blocks(params.block_count());
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password.0.as_bytes(), &salt, output, blocks)
        .ok()?;
    Some(match (output.ct_eq(expected.as_bytes()).into(), today) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Good,
        (true, false) => Verdict::GoodButOutdated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

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
            assert_eq!(verify(&stored, &password(text), cost, &mut workspace), verdict, "{text:?} {cost:?}");
        }
    }

    #[test]
    fn what_is_no_hash_matches_nothing() {
        let mut workspace = Workspace::default();
        let huge =
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w";
        for stored in ["", "!", "!x", "x", "$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", huge] {
            let stored = PasswordHash::from_stored(stored.into());
            assert_eq!(verify(&stored, &password(""), CHEAP, &mut workspace), Verdict::Unusable, "{}", stored.as_str());
        }
    }
}
