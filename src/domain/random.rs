//! Randomness, from the operating system only.

/// `N` random bytes.
///
/// # Panics
/// When the operating system provides none: there is no safe way to continue.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
