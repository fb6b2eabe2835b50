//! The settings: from flags, the environment, `.env` and files. The only reader of the environment.

mod check;
mod exposed;
mod given;
mod log_filter;
mod reread;
mod service_links;
mod table;
mod values;
mod words;

use std::fmt;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::client::ClientSecret;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::password::{Argon2Cost, Password};
use crate::domain::rate::Rate;
use crate::domain::secret_key::SecretKey;
use crate::domain::token::TokenMode;
pub use given::{Given, PASSWORD_IN_ARGUMENT, Source, environment, os_user};
pub use reread::Reread;
pub use table::{Kind, SETTINGS, Setting};
pub use values::Listen;

/// Every setting, checked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is described in the table, under the same name")]
pub struct Config {
    pub database_url: DatabaseUrl,
    pub listen: Listen,
    pub secret_key: Option<SecretKey>,
    pub secret_key_fallbacks: Vec<SecretKey>,
    pub bootstrap_admin: Option<(String, Password)>,
    pub bootstrap_client: Option<(String, ClientSecret)>,
    pub token_mode: TokenMode,
    pub token_ttl: Option<Duration>,
    pub token_auto_refresh: bool,
    pub token_min_refresh_interval: Duration,
    pub token_max_ttl: Option<Duration>,
    pub token_limit_per_user: Option<u32>,
    pub token_prefix: Option<String>,
    pub login_fields: Vec<String>,
    pub login_scope: String,
    pub auth_keywords: Vec<String>,
    pub user_scopes: Option<String>,
    pub named_tokens_per_user: Option<u32>,
    pub named_token_max_ttl: Option<Duration>,
    pub profile_fields: Vec<String>,
    pub key_headers: Vec<String>,
    pub key_basic: bool,
    pub issuer: Option<String>,
    pub retention: Duration,
    pub audit_retention: Option<Duration>,
    pub legacy_hashes: bool,
    pub cache_bytes: u64,
    pub revocation_bound: Duration,
    pub stale_if_error: Duration,
    pub tls: Option<(String, String)>,
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_listen: Option<Listen>,
    pub trusted_proxies: Vec<IpNet>,
    pub cors_origins: Vec<String>,
    pub verify_preflight: bool,
    pub keep_alive: Duration,
    pub max_connections: u32,
    pub argon2: Argon2Cost,
    pub hash_max_memory_kib: u32,
    pub login_threads: usize,
    pub login_queue: usize,
    pub login_limit_address: Option<Rate>,
    pub login_limit_user: Option<Rate>,
    pub login_limit_account: Option<Rate>,
    pub client_limit_address: Option<Rate>,
    pub workers: usize,
    pub database_pool: u32,
    pub database_timeout: Duration,
    pub drain: Duration,
    pub migrate: bool,
    pub shutdown_timeout: Duration,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct ConfigError(pub(crate) Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}
