//! What every handler may use.

use super::caller::KeyPlaces;
use super::drf::body::Budget;
use super::edge::TrustedProxies;
use crate::service::Service;

/// As handlers are given it.
pub type State = actix_web::web::Data<AppState>;

/// What every handler may use.
pub struct AppState {
    /// The verbs.
    pub service: Service,
    /// Keywords accepted in `Authorization`; the first one is the challenge.
    pub auth_keywords: Vec<String>,
    /// Fields of the user that the login's answer adds.
    pub login_fields: Vec<String>,
    /// `JETON_ISSUER`.
    pub issuer: Option<String>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: TrustedProxies,
    /// What bodies hold of callers who are not known yet.
    pub bodies: Budget,
    /// What bodies hold of callers whose head says who they are.
    pub known_bodies: Budget,
    /// Where a key may stand beside `Authorization`.
    pub keys: KeyPlaces,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Whether `/auth/verify` lets preflights through.
    pub verify_preflight: bool,
}
