//! What jeton does: one file per verb. No HTTP, no SQL.

mod audit;
mod authenticate;
mod batches;
mod bootstrap;
pub mod cache;
mod checkpoint;
mod client_limits;
mod clients;
mod clock;
mod confirm;
mod error;
mod explain;
mod hash_costs;
mod hasher;
mod health;
mod import;
mod introspect;
mod introspection;
pub mod key_file;
mod last_logins;
mod login;
mod login_check;
mod login_limits;
mod login_refusal;
mod login_token;
mod lookup;
mod lookups;
mod metrics;
mod moving;
mod overview;
mod purge;
mod queue;
mod regenerate;
mod reseal;
mod retry;
mod revoke;
mod revoke_many;
mod rights;
mod seal;
mod search_index;
mod sessions;
mod stopping;
mod threads;
mod throttle;
mod tokens;
mod users;
mod uses;
mod watch;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::domain::audit::Actor;
use crate::domain::rate::Rate;
use crate::domain::scope;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::token::{TokenKind, TokenMode};
use crate::domain::user::User;
use crate::logging::carried;
use crate::store::{Store, StoreError};
use authenticate::Clients;
pub use authenticate::{AuthenticationFault, Holder};
pub use batches::Batches;
pub use bootstrap::{Bootstrap, FirstStart};
use cache::Cache;
use client_limits::ClientLimits;
pub use client_limits::ClientOrigin;
pub use clients::RotateOptions;
pub use clock::ClockState;
use clock::ClockWatch;
pub use error::{Error, Faults};
pub use explain::Explanation;
use hash_costs::CountedHashes;
pub use hasher::{Hasher, HasherOptions};
use health::Health;
pub use health::Readiness;
pub use import::{
    Counts, CsvError, CsvImported, DjangoImport, Imported, Progress, UselessHashes, csv_columns, open_django,
    would_import_csv, would_import_django,
};
pub use introspection::{Identity, Introspection};
use last_logins::LastLogins;
pub use login::{LoggedIn, Login};
use login_limits::LoginLimits;
pub use login_refusal::LoginRefusal;
pub use login_token::LoginToken;
pub use lookup::Reason;
use lookups::LookupBatcher;
pub use metrics::{Metrics, WorkerCounts};
pub use overview::{Node, Overview};
pub use purge::PurgeRound;
pub use regenerate::RegenerateOptions;
pub use reseal::{ResealRound, SealCounts, count_seals};
pub use revoke::Revoker;
pub use revoke_many::TokenFilter;
pub use rights::{Staff, Superuser};
pub use seal::Sealer;
pub use sessions::Session;
pub use tokens::NamedToken;
pub use users::{UserDraft, UserPatch};
use uses::Uses;
pub use watch::Watch;

/// What the operator decided; see the settings of the same names.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Default))]
pub struct Policy {
    /// One login token a user, or one a login.
    pub token_mode: TokenMode,
    /// How long a login token lives.
    pub token_ttl: Option<Duration>,
    /// Whether each use pushes the expiry out.
    pub token_auto_refresh: bool,
    /// How far a refresh must move the expiry to be written.
    pub token_min_refresh_interval: Duration,
    /// How long refreshes may keep a token alive from its creation.
    pub token_max_ttl: Option<Duration>,
    /// What new keys begin with.
    pub token_prefix: Option<String>,
    /// How long rows of dead tokens stay.
    pub retention: Duration,
    /// How long entries of the audit log stay.
    pub audit_retention: Duration,
    /// How many live login tokens a user may have.
    pub token_limit_per_user: Option<u32>,
    /// Scopes of login tokens, separated by blanks.
    pub login_scope: String,
    /// Scopes that users may give tokens of their own, separated by blanks.
    pub user_scopes: String,
    /// How many live named tokens of their own making a user may have.
    pub named_tokens_per_user: Option<u32>,
    /// The longest life of a named token that its user makes.
    pub named_token_max_ttl: Option<Duration>,
    /// Fields of their own record that users may change.
    pub profile_fields: Vec<String>,
    /// `iss` in introspection.
    pub issuer: Option<String>,
    /// Failed logins by client address.
    pub login_limit_address: Option<Rate>,
    /// Failed logins by username and client address.
    pub login_limit_user: Option<Rate>,
    /// Failed logins by username.
    pub login_limit_account: Option<Rate>,
    /// Failed client credentials by client address.
    pub client_limit_address: Option<Rate>,
    /// How long a request waits for the database.
    pub database_timeout: Duration,
    /// Memory for introspection answers, in bytes.
    pub cache_bytes: u64,
    /// How long after a revocation a kept answer may be given at most.
    pub revocation_bound: Duration,
    /// How much longer when the database is down.
    pub stale_if_error: Duration,
}

impl Policy {
    /// When a login token made now ends: after its TTL, and never later than refreshes could push it.
    fn login_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let greatest_age = self.token_max_ttl.filter(|_| self.token_auto_refresh);
        self.token_ttl.map(|ttl| now.after(greatest_age.map_or(ttl, |age| ttl.min(age))))
    }
}

/// All verbs, over one database. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    hasher: Hasher,
    counted: CountedHashes,
    sealer: RwLock<Option<Arc<Sealer>>>,
    login_limits: LoginLimits,
    client_limits: ClientLimits,
    uses: Uses,
    last_logins: LastLogins,
    cache: Arc<Cache>,
    lookups: LookupBatcher,
    clients: Clients,
    metrics: Arc<Metrics>,
    stopping: AtomicBool,
    health: Health,
    clock: Clock,
    clock_watch: ClockWatch,
    policy: Policy,
}

impl Service {
    /// Puts the parts together. `sealer` may be missing only in multiple mode.
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
        match &sealer {
            Some(sealer) => sealer.check(&store)?,
            None if policy.token_mode == TokenMode::Single => {
                return Err(StoreError::Unusable(
                    "JETON_SECRET_KEY must be set when JETON_TOKEN_MODE is single; make one with: openssl rand -hex 32"
                        .into(),
                ));
            }
            None => {}
        }
        let counted = CountedHashes::open(&store, hasher.max_memory_kib())?;
        let (login_limits, client_limits) = (LoginLimits::new(&policy), ClientLimits::new(policy.client_limit_address));
        let cache =
            Cache::new(policy.cache_bytes, policy.revocation_bound, policy.stale_if_error).ok_or_else(|| {
                StoreError::Unusable("JETON_CACHE_BYTES: the operating system does not give that much memory".into())
            })?;
        let cache = Arc::new(cache);
        let heard = Arc::clone(&cache);
        let store = store.telling(move |change| heard.apply(change));
        let metrics = Arc::new(Metrics::new());
        let lookups = LookupBatcher::start(&store, &cache, &metrics, patience(&policy))
            .map_err(|error| StoreError::Unusable(format!("cannot start a thread for lookups: {error}")))?;
        let (uses, last_logins, clients) = (Uses::default(), LastLogins::default(), Clients::default());
        let inner = Inner {
            store,
            hasher,
            counted,
            sealer: RwLock::new(sealer.map(Arc::new)),
            login_limits,
            client_limits,
            uses,
            last_logins,
            cache,
            lookups,
            clients,
            metrics,
            stopping: AtomicBool::new(false),
            health: Health::default(),
            clock,
            clock_watch: ClockWatch::default(),
            policy,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The clock that all verbs go by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Where is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Everything that is counted, in Prometheus' text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.inner.metrics.text(&self.inner.cache, &self.ready_so_far())
    }

    /// Forgets failures that count no more, and gives their memory back.
    pub fn sweep_limits(&self) {
        let now = self.clock().uptime();
        self.inner.login_limits.sweep(now);
        self.inner.client_limits.sweep(now);
    }

    /// What the operator decided.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Runs `work` on a thread that may block. When the database takes too long the caller gets an answer all the
    /// same, and a change that was not committed by then is undone.
    async fn db<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.store.check()?;
        // A little less than the caller waits: so that the failure says what the database said, not how long it took.
        let store = self.inner.store.within(patience(&self.inner.policy).mul_f32(0.95));
        let running = tokio::task::spawn_blocking(carried(move || work(&store)));
        match self.in_time(running).await? {
            Ok(result) => Ok(result?),
            Err(panicked) => Err(Error::Store(StoreError::Failed(panicked.to_string()))),
        }
    }

    /// Waits no longer than a request waits for the database.
    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, Error> {
        let deadline = patience(&self.inner.policy);
        let late = |_| Error::Store(StoreError::Unavailable(format!("no answer within {deadline:?}")));
        let mut answer = pin!(answer);
        if let Ok(answer) = tokio::time::timeout(deadline / 4, &mut answer).await {
            return Ok(answer);
        }
        self.inner.store.suspect();
        tokio::time::timeout(deadline * 3 / 4, answer).await.map_err(late)
    }
}

/// How long a request waits for the database: a little less than it may, so that its refusal comes in time.
fn patience(policy: &Policy) -> Duration {
    policy.database_timeout.mul_f32(0.9)
}

/// How much somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Their own affairs.
    Holder,
    /// Ordinary users' affairs.
    Staff,
    /// Everything.
    Superuser,
}

impl Rights {
    /// By Django's flags.
    #[must_use]
    pub const fn of(is_staff: bool, is_superuser: bool) -> Self {
        match (is_superuser, is_staff) {
            (true, _) => Self::Superuser,
            (false, true) => Self::Staff,
            (false, false) => Self::Holder,
        }
    }

    /// Those of a user that a token of theirs brings along.
    #[must_use]
    pub fn by_token(self, kind: TokenKind, scopes: &str) -> Self {
        if stands_for_its_user(kind, scopes) { self } else { Self::Holder }
    }
}

/// Whether whoever comes with such a token may do on jeton itself what its user may: a named one only where it says so.
fn stands_for_its_user(kind: TokenKind, scopes: &str) -> bool {
    kind == TokenKind::Login || scope::has(scopes, scope::ADMIN)
}

/// Who asks for a change, and what they may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// What they may do.
    pub rights: Rights,
}

impl Caller {
    /// A user who asks over HTTP with a token.
    #[must_use]
    pub fn holder(holder: &Holder, address: Option<IpAddr>) -> Self {
        let caller = Self::user(&holder.user, address);
        Self { rights: caller.rights.by_token(holder.token.kind(), &holder.token.scope), ..caller }
    }

    /// A user who has signed in to the console.
    #[must_use]
    pub fn user(user: &User, address: Option<IpAddr>) -> Self {
        let rights = Rights::of(user.is_staff, user.is_superuser);
        Self { actor: Actor { name: user.username.clone(), address }, rights }
    }

    /// Whoever can run commands on the database may do everything.
    #[must_use]
    pub fn command(os_user: &str) -> Self {
        Self { actor: Actor::command(os_user), rights: Rights::Superuser }
    }

    /// # Errors
    /// [`Error::PermissionDenied`] for less than `rights`.
    pub fn require(&self, rights: Rights) -> Result<(), Error> {
        if self.rights >= rights { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    /// Only a superuser may touch staff and superusers.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn require_power_over(&self, target: &User) -> Result<(), Error> {
        let needed = if target.is_staff || target.is_superuser { Rights::Superuser } else { Rights::Staff };
        self.require(needed)
    }
}
