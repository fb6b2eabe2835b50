//! What jeton does: one file per verb. No HTTP, no SQL.

mod audit;
mod authenticate;
mod bootstrap;
mod clients;
mod error;
mod explain;
mod hasher;
mod health;
mod introspect;
pub mod key_file;
mod login;
mod lookup;
mod purge;
mod regenerate;
mod revoke;
mod seal;
mod throttle;
mod tokens;
mod users;
mod uses;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::audit::Actor;
use crate::domain::rate::Rate;
use crate::domain::time::Clock;
use crate::domain::token::TokenMode;
use crate::domain::user::User;
use crate::store::{Store, StoreError};
pub use authenticate::{AuthenticationFault, Holder};
pub use bootstrap::{Bootstrap, FirstStart};
pub use error::{Error, Faults};
pub use explain::Explanation;
pub use hasher::{Hasher, HasherOptions};
pub use introspect::{Active, Introspection};
pub use login::{LoggedIn, Login};
pub use lookup::Reason;
pub use regenerate::RegenerateOptions;
pub use revoke::Revoker;
pub use seal::Sealer;
use throttle::Throttle;
pub use tokens::NamedToken;
pub use users::{UserDraft, UserPatch};
use uses::Uses;

/// What the operator decided; see the settings of the same names.
#[derive(Clone, Debug)]
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
    /// How long rows of dead tokens and audit entries stay.
    pub retention: Duration,
    /// How many live login tokens a user may have.
    pub token_limit_per_user: Option<u32>,
    /// Scopes of login tokens, separated by blanks.
    pub login_scope: String,
    /// `iss` in introspection.
    pub issuer: Option<String>,
    /// Failed logins by client address.
    pub login_limit_address: Option<Rate>,
    /// Failed logins by username and client address.
    pub login_limit_user: Option<Rate>,
    /// How long a request waits for the database.
    pub database_timeout: Duration,
}

/// All verbs, over one database. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    hasher: Hasher,
    sealer: Option<Sealer>,
    throttle: Throttle,
    uses: Uses,
    clock: Clock,
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
        let throttle = Throttle::new(policy.login_limit_address, policy.login_limit_user);
        Ok(Self { inner: Arc::new(Inner { store, hasher, sealer, throttle, uses: Uses::default(), clock, policy }) })
    }

    /// The clock that all verbs go by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
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
        let deadline = self.inner.policy.database_timeout.mul_f32(0.9);
        let store = self.inner.store.within(deadline);
        let running = actix_rt::task::spawn_blocking(move || work(&store));
        match actix_rt::time::timeout(deadline, running).await {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(panicked)) => Err(Error::Store(StoreError::Failed(panicked.to_string()))),
            Err(_late) => Err(Error::Store(StoreError::Unavailable(format!("no answer within {deadline:?}")))),
        }
    }
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

/// Who asks for a change, and what they may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// What they may do.
    pub rights: Rights,
}

impl Caller {
    /// A user who asks over HTTP.
    #[must_use]
    pub fn user(user: &User, address: Option<IpAddr>) -> Self {
        let rights = if user.is_superuser {
            Rights::Superuser
        } else if user.is_staff {
            Rights::Staff
        } else {
            Rights::Holder
        };
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
    fn require_power_over(&self, target: &User) -> Result<(), Error> {
        let needed = if target.is_staff || target.is_superuser { Rights::Superuser } else { Rights::Staff };
        self.require(needed)
    }
}
