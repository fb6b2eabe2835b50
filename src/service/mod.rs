//! What jeton does: one file per verb, in groups. A group holds only what its verbs need. No HTTP, no SQL.

mod accounts;
mod caller;
mod database;
mod error;
mod import;
pub mod introspection;
pub mod login_tokens;
mod metrics;
mod node;
mod policy;
mod queue;
mod retry;
mod rights;
mod sign_in;
mod threads;
mod throttle;
mod tokens;

use std::sync::Arc;

use crate::domain::time::Clock;
use crate::store::{Store, StoreError};
pub use accounts::{Accounts, Bootstrap, FirstStart, RotateOptions, UserDraft, UserPatch};
use caller::acts_for_its_user;
pub use caller::{Caller, Rights};
pub use database::Batches;
use database::Database;
pub use error::{Error, Faults};
pub use import::{
    Counts, CsvError, CsvImported, DjangoImport, Import, Imported, Progress, UnusableHashes, csv_columns, dry_run_csv,
    dry_run_django, open_django,
};
pub use introspection::{
    AuthenticationFault, ClientOrigin, Feed, Holder, Identity, Introspect, Introspection, Reason, Watch,
};
pub use login_tokens::{LoginToken, LoginTokens, ResealRound, SealCounts, Sealer, count_seals, key_file};
pub use metrics::{Metrics, WorkerCounts};
pub use node::{ClockState, Node, NodeState, Overview, PurgeRound, Readiness};
pub use policy::Policy;
pub use rights::{LoginHolder, Staff, Superuser};
pub use sign_in::{Hasher, HasherOptions, LoggedIn, Login, LoginRefusal, Session, SignIn};
pub use tokens::{Explanation, NamedToken, RegenerateOptions, Revoker, TokenFilter, Tokens};

/// All groups of verbs, over one database. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Looks up tokens and clients.
    pub introspection: Arc<Introspect>,
    /// Login tokens, and the keys that seal them.
    pub login_tokens: Arc<LoginTokens>,
    /// Checks passwords.
    pub sign_in: Arc<SignIn>,
    /// Users and clients.
    pub accounts: Arc<Accounts>,
    /// Tokens of users.
    pub tokens: Arc<Tokens>,
    /// Imports users and tokens.
    pub import: Arc<Import>,
    /// This node.
    pub node: Arc<Node>,
    /// The clock that all verbs use.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The operator's settings.
    pub policy: Arc<Policy>,
}

impl Service {
    /// Builds all groups. `sealer` may be missing only in multiple mode.
    ///
    /// # Errors
    /// When single mode has no sealer, or the database belongs to another secret key.
    pub fn new(
        store: Store,
        hasher: Hasher,
        sealer: Option<Sealer>,
        clock: Clock,
        policy: Policy,
    ) -> Result<Self, StoreError> {
        let (policy, metrics) = (Arc::new(policy), Arc::new(Metrics::new()));
        let (introspection, database) = Introspect::start(store, &clock, &policy, &metrics)?;
        let base = Base { database, clock, policy, metrics };
        let introspection = Arc::new(introspection);
        let login_tokens = Arc::new(LoginTokens::new(&base, &introspection, sealer)?);
        let sign_in = Arc::new(SignIn::new(&base, &login_tokens, hasher)?);
        let accounts = Arc::new(Accounts::new(&base, &login_tokens, &sign_in));
        let tokens = Arc::new(Tokens::new(&base, &introspection, &login_tokens, &sign_in, &accounts));
        let import = Arc::new(Import::new(&base, &login_tokens, &sign_in));
        let node = Arc::new(Node::new(&base, &introspection, &sign_in));
        let Base { clock, policy, metrics, .. } = base;
        Ok(Self { introspection, login_tokens, sign_in, accounts, tokens, import, node, clock, metrics, policy })
    }

    /// All metrics, in Prometheus' text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.metrics.text(&self.introspection.cache, &self.node.known_readiness())
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub fn sweep_limits(&self) {
        let now = self.clock.uptime();
        self.sign_in.login_limits.sweep(now);
        self.introspection.client_limits.sweep(now);
    }
}

/// What every group is built from.
struct Base {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
}
