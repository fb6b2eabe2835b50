//! The settings, checked: every fault at once, each with the name of its setting.

use super::{Config, Given, log_filter, values, words};
use crate::domain::client::ClientSecret;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::duration;
use crate::domain::password::{Argon2Cost, Password};
use crate::domain::rate::Rate;
use crate::domain::secret_key::SecretKey;

/// Reads one setting after the other and gathers what is wrong.
pub struct Reader<'a> {
    given: &'a Given,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(given: &'a Given, faults: Vec<String>) -> Self {
        Self { given, faults }
    }

    pub fn into_faults(self) -> Vec<String> {
        self.faults
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.given.values.get(name).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A setting that has a value. The message of a fault repeats no secret.
    pub(super) fn required<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.given.values.get(name)?.0.as_str();
        read(value).map_err(|error| self.faults.push(format!("{name}: {error}"))).ok()
    }

    /// A setting that may have none.
    pub(super) fn maybe<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        if self.text(name).is_none() { Some(None) } else { self.required(name, read).map(Some) }
    }

    /// Two settings of which neither makes sense alone.
    pub(super) fn pair(&mut self, first: &str, second: &str) -> Option<(String, String)> {
        // One that has no value, not even a default, has a fault already.
        if ![first, second].iter().all(|name| self.given.values.contains_key(name)) {
            return None;
        }
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

    /// A client's id and its secret.
    fn client(&mut self, id: &str, secret: &str) -> Option<(String, ClientSecret)> {
        let (client_id, text) = self.pair(id, secret)?;
        let chosen = ClientSecret::chosen(&text);
        chosen.map_err(|error| self.faults.push(format!("{secret}: {error}"))).ok().map(|chosen| (client_id, chosen))
    }

    /// All settings; `None` when any has a fault.
    #[expect(clippy::too_many_lines, reason = "one line a setting, twice")]
    pub fn config(&mut self) -> Option<Config> {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads =
            |text: &str| if text == "cores" { Ok(cores()) } else { values::positive(text).map(|n| n as usize) };
        let optional_duration = |text: &str| values::optional(text, values::positive_duration);
        let limit = |text: &str| values::optional(text, Rate::parse);
        // Every setting is read before any `?`, so that all faults are told at once.
        let database_url = self.required("DATABASE_URL", DatabaseUrl::parse);
        let listen = self.required("JETON_LISTEN", values::listen);
        let secret_key = self.maybe("JETON_SECRET_KEY", SecretKey::parse);
        let secret_key_fallbacks = self.maybe("JETON_SECRET_KEY_FALLBACKS", secret_keys);
        let bootstrap_admin = self.pair("JETON_BOOTSTRAP_ADMIN", "JETON_BOOTSTRAP_ADMIN_PASSWORD");
        let bootstrap_client = self.client("JETON_BOOTSTRAP_CLIENT_ID", "JETON_BOOTSTRAP_CLIENT_SECRET");
        let token_mode = self.required("JETON_TOKEN_MODE", words::token_mode);
        let token_ttl = self.required("JETON_TOKEN_TTL", optional_duration);
        let token_auto_refresh = self.required("JETON_TOKEN_AUTO_REFRESH", values::boolean);
        let token_min_refresh_interval = self.required("JETON_TOKEN_MIN_REFRESH_INTERVAL", duration::parse);
        let token_max_ttl = self.required("JETON_TOKEN_MAX_TTL", optional_duration);
        let token_limit_per_user =
            self.required("JETON_TOKEN_LIMIT_PER_USER", |text| values::optional(text, values::positive));
        let token_prefix = self.maybe("JETON_TOKEN_PREFIX", words::token_prefix);
        let login_fields = self.maybe("JETON_LOGIN_FIELDS", words::login_fields);
        let login_scope = self.maybe("JETON_LOGIN_SCOPE", words::scopes);
        let auth_keywords = self.required("JETON_AUTH_KEYWORDS", words::auth_keywords);
        let user_scopes = self.maybe("JETON_USER_SCOPES", words::scopes_or_none);
        let named_tokens_per_user =
            self.required("JETON_NAMED_TOKENS_PER_USER", |text| values::optional(text, values::positive));
        let named_token_max_ttl = self.required("JETON_NAMED_TOKEN_MAX_TTL", optional_duration);
        let profile_fields = self.maybe("JETON_PROFILE_FIELDS", words::profile_fields);
        let key_headers = self.maybe("JETON_KEY_HEADERS", words::key_headers);
        let key_basic = self.required("JETON_KEY_BASIC", values::boolean);
        let issuer = self.maybe("JETON_ISSUER", words::issuer);
        let retention = self.required("JETON_RETENTION", values::positive_duration);
        let audit_retention = self.maybe("JETON_AUDIT_RETENTION", values::positive_duration);
        let legacy_hashes = self.required("JETON_LEGACY_HASHES", values::boolean);
        let cache_bytes = self.required("JETON_CACHE_BYTES", values::bytes);
        let revocation_bound = self.required("JETON_REVOCATION_BOUND", values::positive_duration);
        let stale_if_error = self.required("JETON_STALE_IF_ERROR", duration::parse);
        let tls = self.pair("JETON_TLS_CERT", "JETON_TLS_KEY");
        let log = self.required("JETON_LOG", log_filter::parse);
        let log_format = self.required("JETON_LOG_FORMAT", words::log_format);
        let metrics_listen = self.maybe("JETON_METRICS_LISTEN", values::listen);
        let trusted_proxies = self.maybe("JETON_TRUSTED_PROXIES", values::networks);
        let cors_origins = self.maybe("JETON_CORS_ORIGINS", words::origins);
        let verify_preflight = self.required("JETON_VERIFY_PREFLIGHT", values::boolean);
        let keep_alive = self.required("JETON_KEEP_ALIVE", values::positive_duration);
        let max_connections = self.required("JETON_MAX_CONNECTIONS", values::positive);
        let memory_kib = self.required("JETON_ARGON2_MEMORY_KIB", values::positive);
        let iterations = self.required("JETON_ARGON2_ITERATIONS", values::positive);
        let parallelism = self.required("JETON_ARGON2_PARALLELISM", values::positive);
        let hash_max_memory = self.required("JETON_HASH_MAX_MEMORY", values::bytes);
        let login_threads = self.required("JETON_LOGIN_THREADS", threads);
        let login_queue = self.required("JETON_LOGIN_QUEUE", values::whole);
        let login_limit_address = self.required("JETON_LOGIN_LIMIT_ADDRESS", limit);
        let login_limit_user = self.required("JETON_LOGIN_LIMIT_USER", limit);
        let login_limit_account = self.required("JETON_LOGIN_LIMIT_ACCOUNT", limit);
        let client_limit_address = self.required("JETON_CLIENT_LIMIT_ADDRESS", limit);
        let workers = self.required("JETON_WORKERS", threads);
        let database_pool = self.required("JETON_DATABASE_POOL", values::positive);
        let migrate = self.required("JETON_MIGRATE", values::boolean);
        let database_timeout = self.required("JETON_DATABASE_TIMEOUT", values::positive_duration);
        let drain = self.required("JETON_DRAIN", duration::parse);
        let shutdown_timeout = self.required("JETON_SHUTDOWN_TIMEOUT", duration::parse);
        let argon2 = Argon2Cost { memory_kib: memory_kib?, iterations: iterations?, parallelism: parallelism? };
        let argon2 = argon2.check().map_err(|error| self.faults.push(format!("JETON_ARGON2_MEMORY_KIB: {error}"))).ok();
        let hash_max_memory_kib = u32::try_from(hash_max_memory? / 1024).unwrap_or(u32::MAX);
        if argon2.is_some_and(|argon2| argon2.memory_kib > hash_max_memory_kib) {
            self.faults
                .push("JETON_HASH_MAX_MEMORY: it is less than JETON_ARGON2_MEMORY_KIB, which new hashes take".into());
        }
        Some(Config {
            database_url: database_url?,
            listen: listen?,
            secret_key: secret_key?,
            secret_key_fallbacks: secret_key_fallbacks?.unwrap_or_default(),
            bootstrap_admin: bootstrap_admin.map(|(name, password)| (name, Password::new(password))),
            bootstrap_client,
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
            user_scopes: user_scopes?,
            named_tokens_per_user: named_tokens_per_user?,
            named_token_max_ttl: named_token_max_ttl?,
            profile_fields: profile_fields?.unwrap_or_default(),
            key_headers: key_headers?.unwrap_or_default(),
            key_basic: key_basic?,
            issuer: issuer?,
            retention: retention?,
            audit_retention: audit_retention?,
            legacy_hashes: legacy_hashes?,
            cache_bytes: cache_bytes?,
            revocation_bound: revocation_bound?,
            stale_if_error: stale_if_error?,
            tls,
            log: log?,
            log_format: log_format?,
            metrics_listen: metrics_listen?,
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
            cors_origins: cors_origins?.unwrap_or_default(),
            verify_preflight: verify_preflight?,
            keep_alive: keep_alive?,
            max_connections: max_connections?,
            argon2: argon2?,
            hash_max_memory_kib,
            login_threads: login_threads?,
            login_queue: login_queue? as usize,
            login_limit_address: login_limit_address?,
            login_limit_user: login_limit_user?,
            login_limit_account: login_limit_account?,
            client_limit_address: client_limit_address?,
            workers: workers?,
            database_pool: database_pool?,
            database_timeout: database_timeout?,
            drain: drain?,
            migrate: migrate?,
            shutdown_timeout: shutdown_timeout?,
        })
    }
}

/// Secret keys with commas between them.
pub fn secret_keys(text: &str) -> Result<Vec<SecretKey>, String> {
    values::list(text).iter().map(|key| SecretKey::parse(key)).collect()
}
