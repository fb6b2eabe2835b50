//! What every handler may use.

use super::budget::Budget;
use super::options::HttpOptions;
use super::trusted_proxies::TrustedProxies;
use crate::service::Service;

/// The state in the form in which actix shares it between workers.
pub type State = actix_web::web::Data<AppState>;

/// What every handler may use.
pub struct AppState {
    /// The service layer.
    pub service: Service,
    /// The operator's settings for the routes.
    pub options: HttpOptions,
    /// Whose `X-Forwarded-For` counts.
    pub(super) trusted_proxies: TrustedProxies,
    /// Memory for request bodies of callers who are not authenticated yet.
    pub(super) bodies: Budget,
    /// Memory for request bodies of callers who were authenticated by the head.
    pub(super) authenticated_bodies: Budget,
}

impl AppState {
    /// For all workers of one server.
    #[must_use]
    pub fn new(service: Service, options: HttpOptions) -> Self {
        Self {
            service,
            trusted_proxies: TrustedProxies::new(options.trusted_proxies.clone()),
            bodies: Budget::for_unauthenticated(),
            authenticated_bodies: Budget::for_authenticated(),
            options,
        }
    }
}
