//! The digest by which a random key is stored and found.

use sha2::{Digest, Sha512};

/// The first 32 bytes of SHA-512 of these parts, one after the other. A fast hash is enough for what nobody can guess.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let whole = parts.iter().fold(Sha512::new(), Sha512::chain_update).finalize();
    let mut first = [0; 32];
    first.copy_from_slice(&whole[..32]);
    first
}
