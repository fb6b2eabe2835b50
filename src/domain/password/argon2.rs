//! argon2: jeton's own hashes, which are PHC strings of argon2id, and imported ones.

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use super::{HashFault, Password, PasswordHash, Verdict};
use crate::domain::random;

const NAME: &str = "argon2";

/// The most memory that a hash may use: the bound of the setting, and of stored hashes.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// The same for a hash in Django's form, which is not jeton's own.
const MAX_FOREIGN_MEMORY_KIB: u32 = 256 * 1024;

/// The most memory that all passes together may fill, which takes about ten seconds.
const MAX_WORK_KIB: u64 = 8 * 1024 * 1024;

/// The configured cost of a new hash: `JETON_ARGON2_*`.
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
    /// When argon2 does not allow the combination, or when it is above jeton's bounds.
    pub fn check(self) -> Result<Self, String> {
        if self.memory_kib > MAX_MEMORY_KIB {
            return Err(format!("argon2 memory is at most {MAX_MEMORY_KIB} KiB"));
        }
        let params = self.params().map_err(|error| format!("argon2 does not allow these parameters: {error}"))?;
        if work_kib(&params) > MAX_WORK_KIB {
            return Err(format!("argon2 memory times iterations is at most {MAX_WORK_KIB} KiB"));
        }
        Ok(self)
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32))
    }

    fn checked_params(self) -> Params {
        self.params().expect("the cost was checked at start")
    }
}

fn work_kib(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
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

    /// Frees the memory that an expensive imported hash needed beyond `cost`.
    pub fn shrink_to(&mut self, cost: Argon2Cost) {
        if let Ok(params) = cost.params()
            && self.0.len() > params.block_count()
        {
            self.0.truncate(params.block_count());
            self.0.shrink_to_fit();
        }
    }
}

/// Hashes `password` with the configured cost.
///
/// # Panics
/// When `cost` was not checked with [`Argon2Cost::check`].
#[must_use]
pub fn hash(password: &Password, cost: Argon2Cost, workspace: &mut Workspace) -> PasswordHash {
    let params = cost.checked_params();
    let salt = random::bytes();
    let mut output = [0; 32];
    let blocks = workspace.blocks(params.block_count());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.0.as_bytes(), &salt, &mut output, blocks)
        .expect("checked parameters and a bounded password");
    phc_string(Algorithm::Argon2id, Version::V0x13, &params, &salt, &output)
}

/// A dummy hash: it belongs to no password.
pub fn dummy(cost: Argon2Cost) -> PasswordHash {
    phc_string(Algorithm::Argon2id, Version::V0x13, &cost.checked_params(), &[0; 16], &[0; 32])
}

fn phc_string(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    salt: &[u8; 16],
    output: &[u8; 32],
) -> PasswordHash {
    let phc = phc::PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: phc::ParamsString::try_from(params).expect("checked parameters"),
        salt: Some(phc::Salt::new(salt).expect("16 bytes are a salt")),
        hash: Some(phc::Output::new(output).expect("32 bytes are an output")),
    };
    PasswordHash(phc.to_string())
}

/// A stored hash, parsed, and checked against the bounds.
pub struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: phc::Salt,
    expected: phc::Output,
    foreign: bool,
}

impl Argon2Hash {
    /// A PHC string.
    pub fn read(phc: &str) -> Result<Self, HashFault> {
        Self::parse(phc, false)?.bounded(MAX_MEMORY_KIB)
    }

    /// The PHC string after Django's prefix `argon2`.
    pub fn read_django(phc: &str) -> Result<Self, HashFault> {
        Self::parse(phc, true)?.bounded(MAX_FOREIGN_MEMORY_KIB)
    }

    fn parse(phc: &str, foreign: bool) -> Result<Self, HashFault> {
        let read = || {
            let phc = phc::PasswordHash::new(phc).ok()?;
            Some(Self {
                algorithm: Algorithm::try_from(phc.algorithm.as_str()).ok()?,
                version: phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?,
                params: Params::try_from(&phc).ok()?,
                salt: phc.salt?,
                expected: phc.hash?,
                foreign,
            })
        };
        read().ok_or(HashFault::Corrupt(NAME))
    }

    fn bounded(self, memory_kib: u32) -> Result<Self, HashFault> {
        let fits = self.params.m_cost() <= memory_kib && work_kib(&self.params) <= MAX_WORK_KIB;
        if fits { Ok(self) } else { Err(HashFault::TooCostly(NAME)) }
    }

    /// The format's name, and the memory that a check needs.
    pub fn name_and_memory_kib(&self) -> (&'static str, u32) {
        (NAME, self.params.m_cost())
    }

    /// A dummy hash of the same cost.
    pub fn dummy(&self) -> Option<PasswordHash> {
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
        Some(phc_string(self.algorithm, self.version, &params, &[0; 16], &[0; 32]))
    }

    pub fn verify(self, password: &Password, cost: Argon2Cost, workspace: &mut Workspace) -> Verdict {
        let is_current = !self.foreign
            && self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && Some(&self.params) == cost.params().ok().as_ref();
        let mut output = [0; phc::Output::MAX_LENGTH];
        let output = &mut output[..self.expected.len()];
        let blocks = workspace.blocks(self.params.block_count());
        let computed = Argon2::new(self.algorithm, self.version, self.params).hash_password_into_with_memory(
            password.0.as_bytes(),
            &self.salt,
            output,
            blocks,
        );
        match (computed.is_ok(), output.ct_eq(self.expected.as_bytes()).into(), is_current) {
            // argon2 itself refuses salts that are too short.
            (false, ..) => Verdict::RefusedAtOnce(Some(HashFault::Corrupt(NAME))),
            (_, false, _) => Verdict::Wrong,
            (_, true, true) => Verdict::Good,
            (_, true, false) => Verdict::GoodButOutdated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_above_the_bounds_is_refused() {
        let cost = |memory_kib, iterations| Argon2Cost { memory_kib, iterations, parallelism: 1 }.check();
        assert!(cost(19456, 2).is_ok() && cost(MAX_MEMORY_KIB, 8).is_ok());
        for (memory_kib, iterations) in [(MAX_MEMORY_KIB + 1, 1), (MAX_MEMORY_KIB, 9), (7, 1), (64, 0), (64, u32::MAX)]
        {
            assert!(cost(memory_kib, iterations).is_err(), "{memory_kib} {iterations}");
        }
    }

    /// The allocator makes poor use of freed workspaces: without this, the process grew with each login.
    #[test]
    fn the_workspace_is_reused_for_the_next_hash() {
        let cheap = Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
        let password = Password::new("x".into());
        let mut workspace = Workspace::default();
        let stored = hash(&password, cheap, &mut workspace);
        let kept = workspace.0.as_ptr();
        for _ in 0..3 {
            workspace.shrink_to(cheap);
            let read = Argon2Hash::read(stored.as_str()).unwrap();
            assert_eq!(read.verify(&password, cheap, &mut workspace), Verdict::Good);
            assert_eq!((workspace.0.as_ptr(), workspace.0.len()), (kept, 64));
        }
    }

    #[test]
    fn the_memory_of_a_costly_hash_is_freed() {
        let cheap = Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
        let mut workspace = Workspace::default();
        let costly =
            "$argon2id$v=19$m=8192,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w";
        let verdict = Argon2Hash::read(costly).unwrap().verify(&Password::new("x".into()), cheap, &mut workspace);
        assert_eq!((verdict, workspace.0.len()), (Verdict::Wrong, 8192));
        workspace.shrink_to(cheap);
        assert_eq!((workspace.0.len(), workspace.0.capacity()), (64, 64));
    }
}
