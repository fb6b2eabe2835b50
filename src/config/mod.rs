//! The settings: from flags, the environment, `.env` and files. The only reader of the environment.

mod table;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::client::ClientSecret;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::duration;
use crate::domain::password::{Argon2Cost, Password};
use crate::domain::rate::Rate;
use crate::domain::scope;
use crate::domain::secret_key::SecretKey;
use crate::domain::token::TokenMode;
pub use table::{Kind, SETTINGS, Setting};
pub use values::Listen;

/// Every setting, checked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is described in the table, under the same name")]
pub struct Config {
    pub database_url: DatabaseUrl,
    pub listen: Listen,
    pub secret_key: Option<SecretKey>,
    pub new_secret_key: Option<SecretKey>,
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
    pub issuer: Option<String>,
    pub retention: Duration,
    pub legacy_hashes: bool,
    pub cache_bytes: u64,
    pub revocation_bound: Duration,
    pub stale_if_error: Duration,
    pub tls: Option<(String, String)>,
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_listen: Option<Listen>,
    pub trusted_proxies: Vec<IpNet>,
    pub argon2: Argon2Cost,
    pub login_threads: usize,
    pub login_queue: usize,
    pub login_limit_address: Option<Rate>,
    pub login_limit_user: Option<Rate>,
    pub workers: usize,
    pub database_pool: u32,
    pub database_timeout: Duration,
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
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The process's environment.
    Environment,
    /// The file `.env` in the working directory.
    DotEnv,
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Flag => "flag",
        })
    }
}

/// What was said of each setting, before it is checked.
#[derive(Debug)]
pub struct Given {
    values: BTreeMap<&'static str, (String, Source)>,
    faults: Vec<String>,
}

/// The process's environment; what is not Unicode is kept out of names and refused in values.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The user who runs this process, for the audit log.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn os_user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

impl Given {
    /// Gathers flags (by setting or `_FILE` name), the environment, and the lines of `.env` if there is one.
    /// A flag wins over the environment, and that over `.env`.
    #[must_use]
    pub fn gather(flags: &[(String, String)], environment: &[(OsString, OsString)], dot_env: &Path) -> Self {
        let mut given = Self { values: BTreeMap::new(), faults: Vec::new() };
        let mut said: BTreeMap<String, (String, Source)> = BTreeMap::new();
        for (name, value) in given.read_dot_env(dot_env) {
            said.insert(name, (value, Source::DotEnv));
        }
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            match value.to_str() {
                Some(value) => drop(said.insert(name.to_owned(), (value.to_owned(), Source::Environment))),
                None if is_ours(name) => given.faults.push(format!("{name}: it is not UTF-8")),
                None => {}
            }
        }
        for (name, value) in flags {
            said.insert(name.clone(), (value.clone(), Source::Flag));
        }
        // An empty variable is as good as none, as compose files write it; an empty database is a mistake.
        said.retain(|name, (value, _)| !value.is_empty() || name == "DATABASE_URL");
        for name in said.keys().filter(|name| name.starts_with("JETON_") && !is_ours(name)) {
            given.faults.push(format!("{name}: there is no such setting; `jeton config` lists all of them"));
        }
        for setting in SETTINGS {
            given.settle(setting, &said);
        }
        given
    }

    fn settle(&mut self, setting: &'static Setting, said: &BTreeMap<String, (String, Source)>) {
        let direct = said.get(setting.name);
        let file_name = setting.file_name();
        let file = file_name.as_ref().and_then(|name| said.get(name));
        let value = match (direct, file) {
            (None, None) => (setting.default.to_owned(), Source::Default),
            (Some(value), None) => value.clone(),
            // The stronger of two sources wins; two of equal strength contradict each other.
            (Some(value), Some((_, source))) if value.1 as u8 > *source as u8 => value.clone(),
            (Some((_, source)), Some((_, of_file))) if source == of_file => {
                let file_name = file_name.unwrap_or_default();
                self.faults.push(format!("{file_name}: {} is set too; leave one of them out", setting.name));
                return;
            }
            (_, Some((path, source))) => match std::fs::read_to_string(path) {
                Ok(text) => (without_line_end(&text).to_owned(), *source),
                Err(error) => {
                    let file_name = file_name.unwrap_or_default();
                    self.faults.push(format!("{file_name}: cannot read {path}: {error}"));
                    return;
                }
            },
        };
        self.values.insert(setting.name, value);
    }

    fn read_dot_env(&mut self, path: &Path) -> Vec<(String, String)> {
        match dotenvy::from_path_iter(path) {
            Ok(lines) => lines
                .filter_map(|line| {
                    // The error quotes the line, which may hold a secret.
                    line.map_err(|_| self.faults.push(format!("{}: a line cannot be read", path.display()))).ok()
                })
                .collect(),
            Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.faults.push(format!("{}: {error}", path.display()));
                Vec::new()
            }
        }
    }

    /// Name, value and source of every setting, in the table's order; secrets hidden.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = SETTINGS.iter().filter_map(|setting| {
            let (value, source) = self.values.get(setting.name)?;
            let shown = match setting.kind {
                Kind::Secret if !value.is_empty() => "********".to_owned(),
                _ if setting.name == "DATABASE_URL" => {
                    DatabaseUrl::parse(value).map_or_else(|_| value.clone(), |url| url.to_string())
                }
                _ => value.clone(),
            };
            Some(format!("{} {} {source}", setting.name, if shown.is_empty() { "-" } else { &shown }))
        });
        lines.collect()
    }

    /// Checks everything.
    ///
    /// # Errors
    /// All faults at once, each with the name of its setting.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let mut reader = Reader { given: self, faults: self.faults.clone() };
        let config = reader.config();
        match (config, reader.faults) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(ConfigError(faults)),
        }
    }
}

fn is_ours(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name || setting.file_name().as_deref() == Some(name))
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Reads one setting after the other and gathers what is wrong.
struct Reader<'a> {
    given: &'a Given,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.given.values.get(name).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A setting that has a value. The message of a fault repeats no secret.
    fn required<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.given.values.get(name)?.0.as_str();
        read(value).map_err(|error| self.faults.push(format!("{name}: {error}"))).ok()
    }

    /// A setting that may have none.
    fn maybe<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        if self.text(name).is_none() { Some(None) } else { self.required(name, read).map(Some) }
    }

    /// Two settings of which neither makes sense alone.
    fn pair(&mut self, first: &str, second: &str) -> Option<(String, String)> {
        match (self.text(first), self.text(second)) {
            (Some(one), Some(other)) => Some((one.to_owned(), other.to_owned())),
            (None, None) => None,
            (one, _) => {
                let (there, missing) = if one.is_some() { (first, second) } else { (second, first) };
                self.faults.push(format!("{missing}: it is missing, while {there} is set"));
                None
            }
        }
    }

    fn config(&mut self) -> Option<Config> {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads =
            |text: &str| if text == "cores" { Ok(cores()) } else { values::positive(text).map(|n| n as usize) };
        let optional_duration = |text: &str| values::optional(text, values::positive_duration);
        let limit = |text: &str| values::optional(text, Rate::parse);
        // Every setting is read before any `?`, so that all faults are told at once.
        let database_url = self.required("DATABASE_URL", DatabaseUrl::parse);
        let listen = self.required("JETON_LISTEN", values::listen);
        let secret_key = self.maybe("JETON_SECRET_KEY", SecretKey::parse);
        let new_secret_key = self.maybe("JETON_NEW_SECRET_KEY", SecretKey::parse);
        let bootstrap_admin = self.pair("JETON_BOOTSTRAP_ADMIN", "JETON_BOOTSTRAP_ADMIN_PASSWORD");
        let bootstrap_client = self.pair("JETON_BOOTSTRAP_CLIENT_ID", "JETON_BOOTSTRAP_CLIENT_SECRET");
        let token_mode = self.required("JETON_TOKEN_MODE", token_mode);
        let token_ttl = self.required("JETON_TOKEN_TTL", optional_duration);
        let token_auto_refresh = self.required("JETON_TOKEN_AUTO_REFRESH", values::boolean);
        let token_min_refresh_interval = self.required("JETON_TOKEN_MIN_REFRESH_INTERVAL", duration::parse);
        let token_max_ttl = self.required("JETON_TOKEN_MAX_TTL", optional_duration);
        let token_limit_per_user =
            self.required("JETON_TOKEN_LIMIT_PER_USER", |text| values::optional(text, values::positive));
        let token_prefix = self.maybe("JETON_TOKEN_PREFIX", token_prefix);
        let login_fields = self.maybe("JETON_LOGIN_FIELDS", login_fields);
        let login_scope = self.maybe("JETON_LOGIN_SCOPE", |text| scope::normalise(text).map_err(ToOwned::to_owned));
        let auth_keywords = self.required("JETON_AUTH_KEYWORDS", auth_keywords);
        let issuer = self.maybe("JETON_ISSUER", issuer);
        let retention = self.required("JETON_RETENTION", values::positive_duration);
        let legacy_hashes = self.required("JETON_LEGACY_HASHES", values::boolean);
        let cache_bytes = self.required("JETON_CACHE_BYTES", values::bytes);
        let revocation_bound = self.required("JETON_REVOCATION_BOUND", values::positive_duration);
        let stale_if_error = self.required("JETON_STALE_IF_ERROR", duration::parse);
        let tls = self.pair("JETON_TLS_CERT", "JETON_TLS_KEY");
        let log = self.required("JETON_LOG", log_filter);
        let log_format = self.required("JETON_LOG_FORMAT", log_format);
        let metrics_listen = self.maybe("JETON_METRICS_LISTEN", values::listen);
        let trusted_proxies = self.maybe("JETON_TRUSTED_PROXIES", values::networks);
        let memory_kib = self.required("JETON_ARGON2_MEMORY_KIB", values::positive);
        let iterations = self.required("JETON_ARGON2_ITERATIONS", values::positive);
        let parallelism = self.required("JETON_ARGON2_PARALLELISM", values::positive);
        let login_threads = self.required("JETON_LOGIN_THREADS", threads);
        let login_queue = self.required("JETON_LOGIN_QUEUE", values::whole);
        let login_limit_address = self.required("JETON_LOGIN_LIMIT_ADDRESS", limit);
        let login_limit_user = self.required("JETON_LOGIN_LIMIT_USER", limit);
        let workers = self.required("JETON_WORKERS", threads);
        let database_pool = self.required("JETON_DATABASE_POOL", values::positive);
        let database_timeout = self.required("JETON_DATABASE_TIMEOUT", values::positive_duration);
        let shutdown_timeout = self.required("JETON_SHUTDOWN_TIMEOUT", duration::parse);
        let argon2 = Argon2Cost { memory_kib: memory_kib?, iterations: iterations?, parallelism: parallelism? };
        let argon2 = argon2.check().map_err(|error| self.faults.push(format!("JETON_ARGON2_MEMORY_KIB: {error}"))).ok();
        Some(Config {
            database_url: database_url?,
            listen: listen?,
            secret_key: secret_key?,
            new_secret_key: new_secret_key?,
            bootstrap_admin: bootstrap_admin.map(|(name, password)| (name, Password::new(password))),
            bootstrap_client: bootstrap_client.map(|(id, secret)| (id, ClientSecret::from_text(&secret))),
            token_mode: token_mode?,
            token_ttl: token_ttl?,
            token_auto_refresh: token_auto_refresh?,
            token_min_refresh_interval: token_min_refresh_interval?,
            token_max_ttl: token_max_ttl?,
            token_limit_per_user: token_limit_per_user?,
            token_prefix: token_prefix?,
            login_fields: login_fields?.unwrap_or_default(),
            login_scope: login_scope?.unwrap_or_default(),
            auth_keywords: auth_keywords?,
            issuer: issuer?,
            retention: retention?,
            legacy_hashes: legacy_hashes?,
            cache_bytes: cache_bytes?,
            revocation_bound: revocation_bound?,
            stale_if_error: stale_if_error?,
            tls,
            log: log?,
            log_format: log_format?,
            metrics_listen: metrics_listen?,
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
            argon2: argon2?,
            login_threads: login_threads?,
            login_queue: login_queue? as usize,
            login_limit_address: login_limit_address?,
            login_limit_user: login_limit_user?,
            workers: workers?,
            database_pool: database_pool?,
            database_timeout: database_timeout?,
            shutdown_timeout: shutdown_timeout?,
        })
    }
}

fn token_mode(text: &str) -> Result<TokenMode, String> {
    match text {
        "single" => Ok(TokenMode::Single),
        "multiple" => Ok(TokenMode::Multiple),
        _ => Err("write single or multiple".into()),
    }
}

fn token_prefix(text: &str) -> Result<String, String> {
    let good = text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if good { Ok(text.to_owned()) } else { Err("write up to 32 letters, digits, - and _, a letter first".into()) }
}

fn login_fields(text: &str) -> Result<Vec<String>, String> {
    const KNOWN: [&str; 8] =
        ["user_id", "username", "email", "first_name", "last_name", "is_staff", "is_superuser", "groups"];
    let fields = values::list(text);
    match fields.iter().find(|field| !KNOWN.contains(&field.as_str())) {
        Some(unknown) => Err(format!("`{unknown}` is none of {}", KNOWN.join(", "))),
        None => Ok(fields),
    }
}

fn auth_keywords(text: &str) -> Result<Vec<String>, String> {
    let keywords = values::list(text);
    // auth-scheme = token, RFC 9110 section 11.1
    let is_token = |word: &String| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if keywords.is_empty() || !keywords.iter().all(is_token) {
        return Err("write words such as Token,Bearer".into());
    }
    if keywords.iter().any(|word| word.eq_ignore_ascii_case("basic")) {
        return Err("Basic is for clients".into());
    }
    Ok(keywords)
}

fn issuer(text: &str) -> Result<String, String> {
    let good = (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(['?', '#', ' ']);
    if good { Ok(text.to_owned()) } else { Err("write a URL such as https://tokens.example.com".into()) }
}

fn log_filter(text: &str) -> Result<String, String> {
    env_filter::Builder::new()
        .try_parse(text)
        .map(|_| text.to_owned())
        .map_err(|_| "write a filter such as info or jeton=debug,warn".into())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text or json".into()),
    }
}
