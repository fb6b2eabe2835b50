//! Randomness, from the operating system only.

/// `N` random bytes.
///
/// # Panics
/// When the operating system has none to give: there is no safe way to go on without.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
