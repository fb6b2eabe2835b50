//! What every handler may use.

use super::drf::body::Budget;
use super::edge::TrustedProxies;
use super::options::HttpOptions;
use crate::service::Service;

/// As handlers are given it.
pub type State = actix_web::web::Data<AppState>;

/// What every handler may use.
pub struct AppState {
    /// The verbs.
    pub service: Service,
    /// What the operator decides.
    pub options: HttpOptions,
    /// Whose `X-Forwarded-For` counts.
    pub(super) trusted_proxies: TrustedProxies,
    /// What bodies hold of callers who are not known yet.
    pub(super) bodies: Budget,
    /// What bodies hold of callers whose head says who they are.
    pub(super) known_bodies: Budget,
}

impl AppState {
    /// For all workers of one server.
    #[must_use]
    pub fn new(service: Service, options: HttpOptions) -> Self {
        Self {
            service,
            trusted_proxies: TrustedProxies::new(options.trusted_proxies.clone()),
            bodies: Budget::of_strangers(),
            known_bodies: Budget::of_known(),
            options,
        }
    }
}
