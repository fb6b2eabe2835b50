//! The keys of rate-limit windows.

use sha2::{Digest, Sha512};

use crate::domain::random;

/// The key of a window: a digest, so that it takes the same memory whatever it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

/// Derives keys. Each process has a random secret, so that nobody can search for two names with the same key.
pub struct Keys([u8; 32]);

impl Keys {
    pub fn new() -> Self {
        Self(random::bytes())
    }

    /// The key of these parts, in this order.
    pub fn key(&self, parts: &[&[u8]]) -> Key {
        let mut digest = Sha512::new_with_prefix(self.0);
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together_and_each_process_has_keys_of_its_own() {
        let keys = Keys::new();
        assert!(keys.key(&[b"ab", b"c"]) == keys.key(&[b"ab", b"c"]));
        assert!(keys.key(&[b"ab", b"c"]) != keys.key(&[b"a", b"bc"]));
        assert!(keys.key(&[b"ab", b"c"]) != keys.key(&[b"abc"]));
        assert!(keys.key(&[b"ab"]) != Keys::new().key(&[b"ab"]));
    }
}
