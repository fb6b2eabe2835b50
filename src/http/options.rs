//! The operator's settings for requests and answers.

use ipnet::IpNet;

use super::KeySources;

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
