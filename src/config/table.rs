//! Every setting on one screen. `--help`, `jeton config` and the README's table say the same as this.

/// One setting: an environment variable, and a flag of the same name.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The value when nothing is said; empty: none.
    pub default: &'static str,
    /// Whether its value is hidden, and may be read from a file that `<name>_FILE` names.
    pub kind: Kind,
    /// What it is for.
    pub help: &'static str,
}

/// How a setting may be given and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Shown, and given as it is.
    Plain,
    /// May also be read from the file that `<name>_FILE` names.
    File,
    /// As `File`; never shown, and no flag of its own, for flags stand in the process list.
    Secret,
}

const fn plain(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::Plain, help }
}

const fn file(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::File, help }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", kind: Kind::Secret, help }
}

/// All of them.
pub const SETTINGS: &[Setting] = &[
    file("DATABASE_URL", "sqlite://jeton.db", "postgres://user:password@host/name, or sqlite://PATH"),
    plain("JETON_LISTEN", "127.0.0.1:8000", "address and port, or unix:/path"),
    secret("JETON_SECRET_KEY", "64 hex digits; seals login tokens in single mode"),
    secret("JETON_SECRET_KEY_FALLBACKS", "older secret keys, with commas: what they sealed opens, and is sealed anew"),
    file("JETON_BOOTSTRAP_ADMIN", "", "a superuser made at start where missing"),
    secret("JETON_BOOTSTRAP_ADMIN_PASSWORD", "that superuser's password"),
    file("JETON_BOOTSTRAP_CLIENT_ID", "", "a client made at start where missing"),
    secret("JETON_BOOTSTRAP_CLIENT_SECRET", "that client's secret, of at least 32 characters"),
    plain("JETON_TOKEN_MODE", "single", "single: one login token a user (DRF); multiple: one a login (Knox)"),
    plain("JETON_TOKEN_TTL", "none", "how long login tokens live, for example 10h or 30d"),
    plain("JETON_TOKEN_AUTO_REFRESH", "false", "whether each use pushes the expiry out"),
    plain("JETON_TOKEN_MIN_REFRESH_INTERVAL", "60s", "how far a refresh must move the expiry to be written"),
    plain("JETON_TOKEN_MAX_TTL", "none", "how long refreshes may keep a token alive from its creation"),
    plain("JETON_TOKEN_LIMIT_PER_USER", "none", "how many live login tokens a user may have in multiple mode"),
    plain("JETON_TOKEN_PREFIX", "", "new keys begin with it and end with a checksum, for secret scanners"),
    plain("JETON_LOGIN_FIELDS", "", "fields of the user to add to the login's answer: user_id,email,..."),
    plain("JETON_LOGIN_SCOPE", "", "scopes of new login tokens, separated by blanks"),
    plain("JETON_AUTH_KEYWORDS", "Token,Bearer", "keywords accepted in Authorization; the first is the challenge"),
    plain("JETON_USER_SCOPES", "", "scopes users may give their own tokens; by default JETON_LOGIN_SCOPE; or none"),
    plain("JETON_NAMED_TOKENS_PER_USER", "50", "how many live named tokens a user may make; none: no limit"),
    plain("JETON_NAMED_TOKEN_MAX_TTL", "none", "the longest life of a named token that a user makes; it has one then"),
    plain("JETON_PROFILE_FIELDS", "first_name,last_name", "fields of their own record that users may change"),
    plain("JETON_KEY_HEADERS", "", "further headers whose whole value is a key, for example X-Api-Key"),
    plain("JETON_KEY_BASIC", "false", "whether /auth/verify takes a key as the password of HTTP Basic"),
    plain("JETON_ISSUER", "", "iss in introspection, and the base of the metadata's URLs"),
    plain("JETON_RETENTION", "30d", "how long rows of dead tokens stay, and audit entries"),
    plain("JETON_AUDIT_RETENTION", "", "how long entries of the audit log stay; by default JETON_RETENTION"),
    plain("JETON_LEGACY_HASHES", "false", "whether Django's md5 and sha1 hashes may log in"),
    plain("JETON_CACHE_BYTES", "64MiB", "memory for introspection answers; 0: no cache"),
    plain("JETON_REVOCATION_BOUND", "1s", "how long after a revocation a cached answer may live at most"),
    plain("JETON_STALE_IF_ERROR", "0s", "how long past the bound the cache answers when the database is down"),
    plain("JETON_TLS_CERT", "", "certificate chain, PEM; serves HTTPS"),
    plain("JETON_TLS_KEY", "", "its private key, PEM"),
    plain("JETON_LOG", "info", "which log lines are written: env_logger's filter"),
    plain("JETON_LOG_FORMAT", "text", "text or json"),
    plain("JETON_METRICS_LISTEN", "", "an address of its own for /metrics"),
    plain("JETON_TRUSTED_PROXIES", "", "networks whose X-Forwarded-For counts, for example 10.0.0.0/8,::1"),
    plain("JETON_CORS_ORIGINS", "", "origins whose pages may call the API, for example https://app.example.com"),
    plain("JETON_VERIFY_PREFLIGHT", "false", "whether /auth/verify lets CORS preflights through, without an identity"),
    plain("JETON_KEEP_ALIVE", "75s", "how long an idle connection is kept"),
    plain("JETON_MAX_CONNECTIONS", "10000", "connections at once"),
    plain("JETON_ARGON2_MEMORY_KIB", "19456", "argon2id memory of new password hashes"),
    plain("JETON_ARGON2_ITERATIONS", "2", "argon2id passes"),
    plain("JETON_ARGON2_PARALLELISM", "1", "argon2id lanes"),
    plain("JETON_HASH_MAX_MEMORY", "128MiB", "memory that one password check may take; costlier hashes log nobody in"),
    plain("JETON_LOGIN_THREADS", "cores", "threads that hash passwords"),
    plain("JETON_LOGIN_QUEUE", "64", "logins that may wait for one"),
    plain(
        "JETON_LOGIN_LIMIT_ADDRESS",
        "100/min",
        "failed logins by client address (IPv6 by /64), on each node; none: no limit",
    ),
    plain("JETON_LOGIN_LIMIT_USER", "10/min", "failed logins by username and address; none: no limit"),
    plain("JETON_LOGIN_LIMIT_ACCOUNT", "100/hour", "failed logins by username, from everywhere; none: no limit"),
    plain("JETON_CLIENT_LIMIT_ADDRESS", "1000/min", "failed client credentials by client address; none: no limit"),
    plain("JETON_WORKERS", "cores", "threads that serve requests"),
    plain("JETON_DATABASE_POOL", "8", "database connections at most"),
    plain("JETON_DATABASE_TIMEOUT", "2s", "how long a request waits for the database"),
    plain("JETON_DRAIN", "0s", "how long a stop goes on as before, but for /readyz, which is 503"),
    plain(
        "JETON_MIGRATE",
        "true",
        "whether serve brings the schema up to date; false: `jeton migrate` does, as its owner",
    ),
    plain("JETON_SHUTDOWN_TIMEOUT", "30s", "how long a stop waits for requests under way"),
];

impl Setting {
    /// The flag: `JETON_TOKEN_MODE` is `--token-mode`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.trim_start_matches("JETON_").to_lowercase().replace('_', "-")
    }

    /// The variable that names a file with the value.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        (self.kind != Kind::Plain).then(|| format!("{}_FILE", self.name))
    }
}
