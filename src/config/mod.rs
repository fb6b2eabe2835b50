//! The settings: from flags, the environment, `.env` and files. The only reader of the environment. Each setting is
//! declared once: its row and its parser stand where its field of [`Config`] is filled.

mod database;
mod dot_env;
mod exposed;
mod http;
mod log_filter;
mod login;
mod logs;
mod parsers;
mod passwords;
mod policy;
mod raw_settings;
mod reader;
mod reloadable;
mod secrets;
mod service_links;
mod serving;
mod setting;
mod setting_parsers;
mod upstream;

use std::fmt;

use crate::http::HttpOptions;
use crate::service::{Bootstrap, HasherOptions, Policy};
pub use database::Database;
use database::database_url;
pub use logs::Log;
pub use parsers::Listen;
pub use raw_settings::{PASSWORD_IN_ARGUMENT, RawSettings, Source, environment, os_user};
use reader::Reader;
pub use reader::settings;
pub use reloadable::Reloadable;
pub use secrets::SecretKeys;
pub use serving::{Serving, TlsFiles};
pub use setting::{Kind, Setting};
pub use upstream::Upstream;

/// Every setting, checked. Each part has the type that its room takes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database: its URL, pool and time-out.
    pub database: Database,
    /// Where and how a server listens, and how it stops.
    pub serving: Serving,
    /// The jeton that `jeton edge` asks; the project that `jeton shadow` asks.
    pub upstream: Option<Upstream>,
    /// The keys that seal login tokens.
    pub secret_keys: SecretKeys,
    /// The first user and client.
    pub bootstrap: Bootstrap,
    /// The settings for tokens, the cache, limits and retention.
    pub policy: Policy,
    /// How passwords are hashed and checked.
    pub hashing: HasherOptions,
    /// The settings for requests and answers.
    pub http: HttpOptions,
    /// The log.
    pub log: Log,
}

impl Config {
    fn read(from: &mut Reader<'_>) -> Self {
        let mut database = Database::read(from);
        let serving = Serving::read(from);
        let upstream = upstream::upstream(from);
        let secret_keys = SecretKeys::read(from);
        let bootstrap = secrets::bootstrap(from);
        let login;
        (login, database.options.username_case) = login::login(from);
        Self {
            database,
            serving,
            upstream,
            secret_keys,
            bootstrap,
            policy: policy::policy(from),
            hashing: passwords::hashing(from),
            http: http::http(from, login),
            log: Log::read(from),
        }
    }
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
