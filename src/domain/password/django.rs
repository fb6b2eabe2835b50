//! The formats of Django's password hashers (`django/contrib/auth/hashers.py`), except argon2: fields separated by `$`,
//! the hasher's name first.

use std::num::NonZeroU32;

use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use base64::{DecodeSliceError, Engine};
use md5::Md5;
use pbkdf2::pbkdf2_hmac_array;
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, verify};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::HashFault;

// Hashes above these bounds take about ten seconds or more, or too much memory for a login.
const MAX_ITERATIONS: u32 = 10_000_000;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=16;
const MAX_SCRYPT_MEMORY: u64 = 256 * 1024 * 1024;
const MAX_SCRYPT_WORK: u64 = 2 * 1024 * 1024 * 1024;

/// The salt of dummy hashes, as long as Django's salts.
const DUMMY_SALT: &str = "0000000000000000000000";

/// bcrypt ignores the rest of a longer password.
const BCRYPT_BYTES: usize = 72;

/// Salts made by hand may have unused bits set; bcrypt implementations ignore them.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// A stored hash, parsed, and checked against the bounds.
pub enum DjangoHash<'a> {
    Pbkdf2Sha256 { iterations: NonZeroU32, salt: &'a str, expected: [u8; 32] },
    Pbkdf2Sha1 { iterations: NonZeroU32, salt: &'a str, expected: [u8; 20] },
    Scrypt { params: scrypt::Params, salt: &'a str, expected: [u8; 64] },
    Bcrypt { cost: u32, salt: [u8; 16], expected: [u8; 23] },
    BcryptSha256 { cost: u32, salt: [u8; 16], expected: [u8; 23] },
    Md5 { salt: &'a str, expected: [u8; 16] },
    Sha1 { salt: &'a str, expected: [u8; 20] },
}

impl<'a> DjangoHash<'a> {
    pub fn read(stored: &'a str) -> Result<Self, HashFault> {
        let Some((name, rest)) = stored.split_once('$') else {
            let expected = Some(stored).filter(|stored| stored.len() == 32).and_then(from_hex);
            return expected.map(|expected| Self::Md5 { salt: "", expected }).ok_or(HashFault::Unknown);
        };
        match name {
            "pbkdf2_sha256" => {
                let (iterations, salt, expected) = pbkdf2("pbkdf2_sha256", rest)?;
                Ok(Self::Pbkdf2Sha256 { iterations, salt, expected })
            }
            "pbkdf2_sha1" => {
                let (iterations, salt, expected) = pbkdf2("pbkdf2_sha1", rest)?;
                Ok(Self::Pbkdf2Sha1 { iterations, salt, expected })
            }
            "scrypt" => scrypt(rest),
            "bcrypt" => {
                let (cost, salt, expected) = bcrypt("bcrypt", rest)?;
                Ok(Self::Bcrypt { cost, salt, expected })
            }
            "bcrypt_sha256" => {
                let (cost, salt, expected) = bcrypt("bcrypt_sha256", rest)?;
                Ok(Self::BcryptSha256 { cost, salt, expected })
            }
            // The salt may be empty.
            "md5" => {
                let read = rest.split_once('$').and_then(|(salt, hash)| Some((salt, from_hex(hash)?)));
                read.map(|(salt, expected)| Self::Md5 { salt, expected }).ok_or(HashFault::Corrupt("md5"))
            }
            "sha1" => {
                let read = rest.split_once('$').and_then(|(salt, hash)| Some((salt, from_hex(hash)?)));
                read.map(|(salt, expected)| Self::Sha1 { salt, expected }).ok_or(HashFault::Corrupt("sha1"))
            }
            _ => Err(HashFault::Unknown),
        }
    }

    /// The name of the format if it is too weak to protect a password: one fast hash.
    pub const fn legacy(&self) -> Option<&'static str> {
        match self {
            Self::Md5 { .. } => Some("md5"),
            Self::Sha1 { .. } => Some("sha1"),
            _ => None,
        }
    }

    /// The format's name and the memory that a check needs; an empty name and 0 for formats that need little.
    pub fn name_and_memory_kib(&self) -> (&'static str, u32) {
        match self {
            Self::Scrypt { params, .. } => {
                let bytes = 128 * u64::from(params.r()) * (params.n() + u64::from(params.p()));
                ("scrypt", u32::try_from(bytes / 1024).unwrap_or(u32::MAX))
            }
            _ => ("", 0),
        }
    }

    /// A dummy hash of the same cost; `None` for the formats that are too weak to protect a password.
    pub fn dummy(&self) -> Option<String> {
        let bcrypt = |name: &str, cost: u32| {
            let (salt, hash) = (BCRYPT_BASE64.encode([0; 16]), BCRYPT_BASE64.encode([0; 23]));
            format!("{name}$$2b${cost:02}${salt}{hash}")
        };
        Some(match self {
            Self::Pbkdf2Sha256 { iterations, .. } => {
                format!("pbkdf2_sha256${iterations}${DUMMY_SALT}${}", STANDARD.encode([0; 32]))
            }
            Self::Pbkdf2Sha1 { iterations, .. } => {
                format!("pbkdf2_sha1${iterations}${DUMMY_SALT}${}", STANDARD.encode([0; 20]))
            }
            Self::Scrypt { params, .. } => {
                let (n, r, p) = (params.n(), params.r(), params.p());
                format!("scrypt${n}${DUMMY_SALT}${r}${p}${}", STANDARD.encode([0; 64]))
            }
            Self::Bcrypt { cost, .. } => bcrypt("bcrypt", *cost),
            Self::BcryptSha256 { cost, .. } => bcrypt("bcrypt_sha256", *cost),
            Self::Md5 { .. } | Self::Sha1 { .. } => return None,
        })
    }

    pub fn matches(&self, password: &str) -> bool {
        let password = password.as_bytes();
        let equal = match self {
            Self::Pbkdf2Sha256 { iterations, salt, expected } => {
                let verified = verify(PBKDF2_HMAC_SHA256, *iterations, salt.as_bytes(), password, expected);
                Choice::from(u8::from(verified.is_ok()))
            }
            Self::Pbkdf2Sha1 { iterations, salt, expected } => {
                // This crate is faster than ring with SHA-1.
                pbkdf2_hmac_array::<Sha1, 20>(password, salt.as_bytes(), iterations.get()).ct_eq(expected)
            }
            Self::Scrypt { params, salt, expected } => {
                let mut output = [0; 64];
                scrypt::scrypt(password, salt.as_bytes(), params, &mut output).expect("64 bytes are an output");
                output.ct_eq(expected)
            }
            Self::Bcrypt { cost, salt, expected } => bcrypt_of(password, *cost, *salt).ct_eq(expected),
            Self::BcryptSha256 { cost, salt, expected } => {
                bcrypt_of(hex::encode(Sha256::digest(password)).as_bytes(), *cost, *salt).ct_eq(expected)
            }
            Self::Md5 { salt, expected } => {
                Md5::new().chain_update(salt).chain_update(password).finalize().as_slice().ct_eq(expected)
            }
            Self::Sha1 { salt, expected } => {
                Sha1::new().chain_update(salt).chain_update(password).finalize().as_slice().ct_eq(expected)
            }
        };
        equal.into()
    }
}

/// `<iterations>$<salt>$<base64>`.
fn pbkdf2<'a, const N: usize>(name: &'static str, rest: &'a str) -> Result<(NonZeroU32, &'a str, [u8; N]), HashFault> {
    let read = || {
        let [iterations, salt, hash] = fields(rest)?;
        Some((number(iterations)?, Some(salt).filter(|salt| !salt.is_empty())?, from_base64(&STANDARD, hash)?))
    };
    let (iterations, salt, expected) = read().ok_or(HashFault::Corrupt(name))?;
    match u32::try_from(iterations) {
        Ok(iterations @ ..=MAX_ITERATIONS) => {
            NonZeroU32::new(iterations).map(|iterations| (iterations, salt, expected)).ok_or(HashFault::Corrupt(name))
        }
        _ => Err(HashFault::TooCostly(name)),
    }
}

/// `<N>$<salt>$<r>$<p>$<base64>`.
fn scrypt(rest: &str) -> Result<DjangoHash<'_>, HashFault> {
    const NAME: &str = "scrypt";
    let read = || {
        let [n, salt, r, p, hash] = fields(rest)?;
        let cost = (number(n)?, number(r)?, number(p)?);
        Some((cost, Some(salt).filter(|salt| !salt.is_empty())?, from_base64(&STANDARD, hash)?))
    };
    let ((n, r, p), salt, expected) = read().ok_or(HashFault::Corrupt(NAME))?;
    if r == 0 || p == 0 {
        return Err(HashFault::Corrupt(NAME));
    }
    // Checked before the crate is called, because its multiplication can overflow.
    let memory = n.saturating_add(p).saturating_mul(r).saturating_mul(128);
    if memory > MAX_SCRYPT_MEMORY || n.saturating_mul(r).saturating_mul(p).saturating_mul(128) > MAX_SCRYPT_WORK {
        return Err(HashFault::TooCostly(NAME));
    }
    let params = || {
        let log_n = Some(n).filter(|n| n.is_power_of_two() && *n > 1)?.ilog2();
        scrypt::Params::new(log_n.try_into().ok()?, r.try_into().ok()?, p.try_into().ok()?).ok()
    };
    let params = params().ok_or(HashFault::Corrupt(NAME))?;
    Ok(DjangoHash::Scrypt { params, salt, expected })
}

/// bcrypt's own `$2b$<cost>$<salt><hash>`.
fn bcrypt(name: &'static str, rest: &str) -> Result<(u32, [u8; 16], [u8; 23]), HashFault> {
    let read = || {
        let ["", "2a" | "2b" | "2y", cost, data] = fields(rest)? else { return None };
        let (salt, hash) = data.split_at_checked(22)?;
        let cost = u32::try_from(Some(cost).filter(|cost| cost.len() == 2).and_then(number)?).ok()?;
        Some((cost, from_base64(&BCRYPT_BASE64, salt)?, from_base64(&BCRYPT_BASE64, hash)?))
    };
    let (cost, salt, expected) = read().ok_or(HashFault::Corrupt(name))?;
    match cost {
        cost if BCRYPT_COSTS.contains(&cost) => Ok((cost, salt, expected)),
        // bcrypt defines costs from 4 to 31 only.
        ..4 | 32.. => Err(HashFault::Corrupt(name)),
        _ => Err(HashFault::TooCostly(name)),
    }
}

fn bcrypt_of(password: &[u8], cost: u32, salt: [u8; 16]) -> [u8; 23] {
    // bcrypt includes the terminating NUL byte of the C string.
    let key: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_BYTES).collect();
    let [output @ .., _] = bcrypt::bcrypt(cost, salt, &key);
    output
}

fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

/// Parses digits only. A number that is too large becomes `u64::MAX`, which is beyond every bound.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn from_base64<const N: usize>(engine: &GeneralPurpose, text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded: Result<usize, DecodeSliceError> = engine.decode_slice(text, &mut bytes);
    (decoded == Ok(N)).then_some(bytes)
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}
