//! The operator's settings for requests and answers.

use actix_web::http::header::HeaderName;
use ipnet::IpNet;

/// The operator's settings for requests and answers; see the settings of the same names.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Keywords accepted in `Authorization`; the first one is the challenge.
    pub auth_keywords: Vec<String>,
    /// Where a key may be sent, beside `Authorization`.
    pub keys: KeySources,
    /// Fields of the user that the login's answer adds.
    pub login_fields: Vec<String>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Whether `/auth/verify` lets preflights through.
    pub verify_preflight: bool,
}

/// Where a key may be sent, beside `Authorization`.
#[derive(Clone, Debug, Default)]
pub struct KeySources {
    /// Headers whose whole value is a key.
    pub headers: Vec<HeaderName>,
    /// At `/auth/verify`, the password of HTTP Basic.
    pub basic: bool,
}

impl KeySources {
    /// From the settings. `config/` has refused invalid header names already; an invalid one is ignored here.
    #[must_use]
    pub fn new(headers: &[String], basic: bool) -> Self {
        Self { headers: headers.iter().filter_map(|name| name.parse().ok()).collect(), basic }
    }
}
