//! What jeton does: one file per verb, in groups. A group holds only what its verbs need. No HTTP, no SQL.

mod accounts;
mod base;
pub mod cache;
mod caller;
mod counted_hashes;
mod database;
mod error;
mod hasher;
mod import;
mod introspection;
pub mod login_tokens;
mod metrics;
mod node;
mod policy;
mod queue;
mod reasons;
mod reloaded;
mod retry;
mod rights;
mod sign_in;
mod threads;
mod throttle;
mod tokens;

use std::sync::Arc;

use crate::domain::time::{Clock, Uptime};
use crate::store::{Store, StoreError};
pub use accounts::{Accounts, Bootstrap, FirstStart, RotateOptions, RotatedClient, UserDraft, UserPatch};
use base::Base;
use cache::Cache;
pub use caller::{Caller, Holder, Rights};
pub use counted_hashes::CountedHashes;
pub use database::Batches;
use database::Database;
pub use error::{Error, Faults};
pub use hasher::{Hasher, HasherOptions};
pub use import::{
    Counts, CsvError, CsvImported, DjangoImport, Import, Imported, Progress, UnusableHashes, csv_columns, dry_run_csv,
    dry_run_django, open_django,
};
pub use introspection::{ClientOrigin, Feed, Identity, Introspect, Introspection, Watch};
pub use login_tokens::{LoginToken, LoginTokens, ResealRound, SealCounts, Sealer, SealingKeys, count_seals, key_file};
use metrics::Sample;
pub use metrics::{Metrics, WorkerCounts};
pub use node::{ClockState, Node, NodeState, Overview, PurgeRound, Readiness};
pub use policy::Policy;
pub use reasons::{AuthenticationFault, LoginRefusal, Reason};
pub use reloaded::Reloaded;
pub use rights::{LoginHolder, PowerOver, Staff, Superuser};
pub use sign_in::{LoggedIn, Login, Once, Session, SignIn};
pub use tokens::{CreatedToken, Explanation, NamedToken, RegenerateOptions, Revoker, TokenFilter, Tokens};

/// All groups of verbs, over one database. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Looks up tokens and clients.
    pub introspection: Arc<Introspect>,
    /// Login tokens, and the keys that seal them.
    pub login_tokens: Arc<LoginTokens>,
    /// The costs of users' password hashes.
    pub counted_hashes: Arc<CountedHashes>,
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
    cache: Arc<Cache>,
}

impl Service {
    /// Builds all groups.
    ///
    /// # Errors
    /// When single mode has no secret key, or the database belongs to another secret key.
    pub fn new(
        store: Store,
        hasher: Hasher,
        keys: SealingKeys,
        clock: Clock,
        policy: Policy,
    ) -> Result<Self, StoreError> {
        let (policy, metrics) = (Arc::new(policy), Arc::new(Metrics::new()));
        let cache = Cache::new(policy.cache_bytes, policy.revocation_bound, policy.stale_if_error);
        let cache = Arc::new(cache.ok_or_else(|| {
            StoreError::Unusable("JETON_CACHE_BYTES: the operating system does not give that much memory".into())
        })?);
        let observing_cache = Arc::clone(&cache);
        let store = store.on_change(move |change| observing_cache.apply(&change));
        let base = Base { database: Database::new(store), clock, policy, metrics };
        let introspection = Arc::new(Introspect::start(&base, &cache)?);
        let login_tokens = Arc::new(LoginTokens::new(&base, &introspection, keys)?);
        let counted_hashes = Arc::new(CountedHashes::open(&base, hasher.max_memory_kib())?);
        let sign_in = Arc::new(SignIn::new(&base, &login_tokens, &hasher, &counted_hashes));
        let accounts = Arc::new(Accounts::new(&base, &login_tokens, &hasher, &sign_in));
        let tokens = Arc::new(Tokens::new(&base, &introspection, &login_tokens, &sign_in, &accounts));
        let import = Arc::new(Import::new(&base, &login_tokens, &hasher, &counted_hashes));
        let node = Arc::new(Node::new(&base, &cache, &counted_hashes));
        let Base { clock, policy, metrics, .. } = base;
        Ok(Self {
            introspection,
            login_tokens,
            counted_hashes,
            sign_in,
            accounts,
            tokens,
            import,
            node,
            clock,
            metrics,
            policy,
            cache,
        })
    }

    /// All metrics, in Prometheus' text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.metrics.text(&Sample {
            changes_applied: self.cache.changes_applied(),
            sync_age: self.cache.sync_age(Uptime::now()),
            ready: self.node.known_readiness().parts(),
        })
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub fn sweep_limits(&self) {
        let now = self.clock.uptime();
        self.sign_in.sweep_limits(now);
        self.introspection.sweep_limits(now);
    }
}
