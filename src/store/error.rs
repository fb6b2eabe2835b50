//! What a store can fail with.

use std::time::Duration;

/// What a store can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or is too slow. Trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database is known to be down, so no query was sent.
    #[error("the database is not available: {0}")]
    Down(String),
    /// An edge's upstream cannot be reached, is too slow, or gives an answer of no use.
    #[error("the upstream is not available: {0}")]
    Upstream(String),
    /// An edge's upstream is known to be down, so no request was sent.
    #[error("the upstream is not available: {0}")]
    UpstreamDown(String),
    /// An edge's upstream refuses the edge's own credentials.
    #[error(
        "the upstream refuses the credentials of this edge (JETON_UPSTREAM_CLIENT_ID, JETON_UPSTREAM_CLIENT_SECRET)"
    )]
    UpstreamRefuses,
    /// An edge's upstream failed at this request.
    #[error("the upstream fails: {0}")]
    UpstreamFails(String),
    /// An edge's upstream, or a proxy before it, refuses to answer for this long: it is asked too often.
    #[error("the upstream is asked too often")]
    Throttled(Duration),
    /// The server is read-only. Another one must be used.
    #[error("the database is not available: {0}")]
    ReadOnly(String),
    /// The session does not keep its state, as behind a transaction pooler.
    #[error("the database is not available: {0}")]
    Pooled(String),
    /// A prepared statement of the connection has other result columns now, as after a migration.
    #[error("the database is not available: {0}")]
    Outdated(String),
    /// The disk is full or fails. Trying again may help once there is space.
    #[error("the database's disk is full or fails: {0}")]
    Disk(String),
    /// A name or digest that must be unique exists already.
    #[error("it already exists")]
    Taken,
    /// The change would leave no active superuser.
    #[error("this is the last active superuser")]
    LastSuperuser,
    /// The database is reachable, but not usable by this jeton.
    #[error("{0}")]
    Unusable(String),
    /// A statement failed for another reason: a defect of ours or a damaged database.
    #[error("the database refused a statement: {0}")]
    Failed(String),
    /// A thread panicked: a defect of ours.
    #[error("a thread has panicked: {0}")]
    Panicked(String),
    /// Too much is asked at once, or a thread gave up before it had answered.
    #[error("{0}")]
    Busy(&'static str),
}

impl StoreError {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Down(_)
                | Self::Upstream(_)
                | Self::UpstreamDown(_)
                | Self::UpstreamRefuses
                | Self::Busy(_)
                | Self::Throttled(_)
                | Self::ReadOnly(_)
                | Self::Pooled(_)
                | Self::Outdated(_)
                | Self::Disk(_)
        )
    }

    /// The log level for a request that fails with this error. That the database or the upstream is down, or that the
    /// disk is full, is logged once where it is noticed, because thousands of requests may fail.
    #[must_use]
    pub const fn level(&self) -> log::Level {
        match self {
            Self::Disk(_) | Self::Down(_) | Self::UpstreamDown(_) | Self::UpstreamRefuses | Self::Throttled(_) => {
                log::Level::Debug
            }
            _ => log::Level::Warn,
        }
    }
}
