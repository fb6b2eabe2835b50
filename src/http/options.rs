//! What the operator decides about requests and answers.

use ipnet::IpNet;

use super::KeyPlaces;

/// What the operator decides about requests and answers; see the settings of the same names.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Keywords accepted in `Authorization`; the first one is the challenge.
    pub auth_keywords: Vec<String>,
    /// Where a key may stand beside `Authorization`.
    pub keys: KeyPlaces,
    /// Fields of the user that the login's answer adds.
    pub login_fields: Vec<String>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Whether `/auth/verify` lets preflights through.
    pub verify_preflight: bool,
}
