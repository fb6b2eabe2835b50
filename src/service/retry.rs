//! Retries a change of a user when others change the same user meanwhile.

use super::error::Error;
use crate::store::Changed;

/// How often a change is attempted.
const MAX_ATTEMPTS: usize = 10;

/// Retries a change, including the read of the user, until the user has not changed in between.
///
/// # Errors
/// Those of `change`; [`Error::UserChanging`] when the user keeps changing.
pub async fn until_done<T>(change: impl AsyncFn(Try) -> Result<Changed<T>, Error>) -> Result<T, Error> {
    for number in 1..=MAX_ATTEMPTS {
        if let Changed::Done(done) = change(Try { is_first: number == 1 }).await? {
            return Ok(done);
        }
    }
    Err(Error::UserChanging)
}

/// Which attempt this is.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// Whether it is the first one.
    pub is_first: bool,
}
