//! What reading a setting again has changed.

/// The result of reading a setting of a running node again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reloaded {
    /// It has a new value, which is used from now on.
    New,
    /// It has the value that is used already.
    Same,
}
