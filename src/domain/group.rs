//! Groups of users.

/// A group, and how many members it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// How many members were counted; counting stops at one more than a limit.
    pub members: i64,
}
