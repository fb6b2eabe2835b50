//! What jeton does: one file per verb, in groups. A group holds only what its verbs need. No HTTP, no SQL.

mod accounts;
mod base;
pub mod cache;
mod caller;
mod counted_hashes;
mod database;
mod edge;
mod error;
mod hasher;
mod import;
mod introspection;
pub mod login_tokens;
pub mod messages;
mod metrics;
mod node;
mod policy;
mod queue;
mod reasons;
mod reloaded;
mod retry;
mod rights;
mod shadow;
mod sign_in;
mod threads;
mod throttle;
mod tokens;

use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;

use crate::domain::time::{Clock, Uptime};
use crate::store::{Store, StoreError};
use crate::upstream::Upstream;
pub use accounts::{Accounts, Bootstrap, FirstStart, PasswordLink, RotateOptions, RotatedClient, UserDraft, UserPatch};
use base::Base;
use cache::Cache;
pub use caller::{Caller, Holder};
pub use counted_hashes::CountedHashes;
pub use database::Batches;
use database::Database;
pub use edge::{Edge, EdgeReadiness};
pub use error::{Error, Faults};
pub use hasher::{Hasher, HasherOptions};
pub use import::{
    Counts, CsvError, CsvImported, Import, ImportOptions, Imported, NewUsers, Progress, UnusableHashes, csv_columns,
    dry_run_csv, dry_run_django, open_django,
};
pub use introspection::{
    AcceptedClient, CheckCaller, CheckedClient, ClientOrigin, Feed, Follower, FollowerName, Identity, Introspect,
    Introspection, RememberedClient, Watch,
};
pub use login_tokens::{LoginToken, LoginTokens, ResealRound, SealCounts, Sealer, SealingKeys, count_seals, key_file};
use metrics::Sample;
pub use metrics::{Metrics, Results, WorkerCounts};
pub use node::{
    ClockState, CountedTokens, ListedNode, Node, NodeState, Nodes, Overview, PurgeRound, Readiness, UNUSED, list_nodes,
};
pub use policy::Policy;
pub use reasons::{AuthenticationFault, LoginRefusal, Reason};
pub use reloaded::Reloaded;
pub use rights::{AccountHolder, ChangeableUser, LoginHolder, Staff, Superuser};
pub use shadow::{Differing, ShadowReport};
pub use sign_in::{LoggedIn, Login, Once, Session, SignIn, SignedIn};
pub use tokens::{
    CreatedToken, EXTENDED_BY_USE, EndTime, ExplainedText, Explanation, NamedToken, NewEnd, RegenerateOptions, Revoker,
    TokenFilter, TokenListFilter, Tokens,
};

/// All groups of verbs. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Looks up tokens and clients.
    pub introspection: Arc<Introspect>,
    /// The clock that all verbs use.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The operator's settings.
    pub policy: Arc<Policy>,
    cache: Arc<Cache>,
    role: Role,
}

/// A node has a database; an edge has an upstream, and only introspects.
#[derive(Clone)]
enum Role {
    Node(Arc<DatabaseVerbs>),
    Edge(Arc<Edge>),
}

/// The groups of verbs over a database.
pub struct DatabaseVerbs {
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
}

/// The verbs over a database, for the routes and commands of a node. An edge has none of these routes.
impl Deref for Service {
    type Target = DatabaseVerbs;

    fn deref(&self) -> &DatabaseVerbs {
        match &self.role {
            Role::Node(verbs) => verbs,
            Role::Edge(_) => unreachable!("an edge serves only what needs no database"),
        }
    }
}

/// The readiness of a node or of an edge.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Ready {
    /// Of a node.
    Node(Readiness),
    /// Of an edge.
    Edge(EdgeReadiness),
}

impl Ready {
    /// Whether it can answer introspection.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        match self {
            Self::Node(node) => node.is_ready(),
            Self::Edge(edge) => edge.is_ready(),
        }
    }
}

impl Service {
    /// Builds all groups over a database.
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
        let cache = Arc::new(new_cache(&policy)?);
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
        let verbs = DatabaseVerbs { login_tokens, counted_hashes, sign_in, accounts, tokens, import, node };
        Ok(Self { introspection, clock, metrics, policy, cache, role: Role::Node(Arc::new(verbs)) })
    }

    /// Builds what an edge of this upstream needs.
    ///
    /// # Errors
    /// When a thread cannot be started, or there is too little memory.
    pub fn edge(upstream: Upstream, clock: Clock, policy: Policy) -> Result<Self, StoreError> {
        let (policy, metrics) = (Arc::new(policy), Arc::new(Metrics::new()));
        let cache = Arc::new(new_cache(&policy)?.with_lag(policy.max_age().saturating_add(upstream.timeout())));
        let introspection = Arc::new(Introspect::start_edge(&upstream, &clock, &policy, &metrics, &cache)?);
        let edge = Edge {
            upstream,
            policy: Arc::clone(&policy),
            cache: Arc::clone(&cache),
            stopping: AtomicBool::new(false),
            logged: Mutex::default(),
        };
        Ok(Self { introspection, clock, metrics, policy, cache, role: Role::Edge(Arc::new(edge)) })
    }

    /// The edge; `None` for a node.
    #[must_use]
    pub fn as_edge(&self) -> Option<&Arc<Edge>> {
        match &self.role {
            Role::Node(_) => None,
            Role::Edge(edge) => Some(edge),
        }
    }

    /// Whether introspection can be answered.
    pub async fn ready(&self) -> Ready {
        match &self.role {
            Role::Node(verbs) => Ready::Node(verbs.node.ready().await),
            Role::Edge(edge) => Ready::Edge(edge.ready()),
        }
    }

    /// From now on [`Service::ready`] reports that it is not ready. Requests are abandoned after `limit`.
    pub fn begin_stop(&self, limit: Duration) {
        match &self.role {
            Role::Node(verbs) => verbs.node.begin_stop(limit),
            Role::Edge(edge) => edge.begin_stop(),
        }
    }

    /// All metrics, in Prometheus' text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.metrics.text(&Sample {
            changes_applied: self.cache.changes_applied(),
            sync_age: self.cache.sync_age(Uptime::now()),
            ready: match &self.role {
                Role::Node(verbs) => verbs.node.known_readiness().parts(),
                Role::Edge(edge) => edge.known_readiness().parts(),
            },
        })
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub fn sweep_limits(&self) {
        let now = self.clock.uptime();
        if let Role::Node(verbs) = &self.role {
            verbs.sign_in.sweep_limits(now);
        }
        self.introspection.sweep_limits(now);
    }
}

fn new_cache(policy: &Policy) -> Result<Cache, StoreError> {
    let cache = Cache::new(policy.cache_bytes, policy.revocation_bound, policy.stale_if_error);
    cache.ok_or_else(|| {
        StoreError::Unusable("JETON_CACHE_BYTES: the operating system does not give that much memory".into())
    })
}
