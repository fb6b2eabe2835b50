//! Changes of a user who is changed by others meanwhile.

use super::Error;
use crate::store::Changed;

/// How often a change is tried.
const MOST_TRIES: usize = 10;

/// Tries a change again and again, from reading the user on, until they stand still for it.
///
/// # Errors
/// Those of `change`; [`Error::UserChanging`] when they do not for long.
pub async fn until_done<T>(change: impl AsyncFn(Try) -> Result<Changed<T>, Error>) -> Result<T, Error> {
    for number in 1..=MOST_TRIES {
        if let Changed::Done(done) = change(Try { is_first: number == 1 }).await? {
            return Ok(done);
        }
    }
    Err(Error::UserChanging)
}

/// Which try this is.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// Nothing was found changed so far.
    pub is_first: bool,
}
