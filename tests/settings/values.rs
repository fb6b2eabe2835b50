//! Every setting: valid values are accepted, and invalid values are refused with the name of the setting.

use super::{line_of, refused};
use crate::commands::done;
use crate::support::calls::PASSWORD;
use crate::support::process::Jeton;

const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// More scopes than a list may have.
const LONG: &str = match std::str::from_utf8(&[b'x'; 1001]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Name, valid values (the first is not the default), invalid values.
const SETTINGS: &[(&str, &[&str], &[&str])] = &[
    ("DATABASE_URL", &["sqlite://other.db", "postgres://h/d", "postgresql://h/d"], &["mysql://h/d", "jeton.db"]),
    (
        "JETON_LISTEN",
        &["0.0.0.0:80", "[::]:8000", "localhost:1", "unix:/run/jeton.sock"],
        &["8000", "here", "unix:", "h:99999", "http://h:1"],
    ),
    ("JETON_TOKEN_MODE", &["multiple", "single"], &["Single", "both", "1"]),
    (
        "JETON_TOKEN_TTL",
        &["10h", "30d", "15m", "10s", "500ms", "none"],
        &["10", "-1h", "1.5h", "1w", "10 h", "0", "never"],
    ),
    ("JETON_TOKEN_AUTO_REFRESH", &["true", "1", "0", "false"], &["yes", "on", "2", "TRUE"]),
    ("JETON_TOKEN_MIN_REFRESH_INTERVAL", &["5m", "0s"], &["none", "5"]),
    ("JETON_TOKEN_MAX_TTL", &["90d", "none"], &["90", "forever"]),
    ("JETON_TOKEN_LIMIT_PER_USER", &["10", "none"], &["0", "-1", "ten"]),
    ("JETON_TOKEN_PREFIX", &["acme", "a-b_c9"], &["a b", "ä", "9a", "a/b"]),
    ("JETON_LOGIN_FORMAT", &["knox", "djoser", "dj-rest-auth", "drf"], &["DRF", "allauth", "djrest"]),
    (
        "JETON_LOGIN_PATHS",
        &["/auth/login/", "/auth/token/login, /api/v1/login/", "/api-token-auth/"],
        &[
            ",",
            "auth/login/",
            "/",
            "//",
            "/a//b/",
            "/a/../b/",
            "/a b/",
            "/a?x=1",
            "/{name}/",
            "/ä/",
            "/me",
            "/introspect/",
            "/tokens/login/",
            "/auth/verify/",
            "/auth/verify/login/",
            "/admin/login/",
            "/console/",
            "/docs/login/",
            "/healthz",
        ],
    ),
    (
        "JETON_LOGIN_BY",
        &["email", "username,email", "email, username", "username"],
        &["name", "username,name", ",", "both"],
    ),
    ("JETON_USERNAME_CASE", &["ignore", "exact"], &["insensitive", "true", "Exact"]),
    ("JETON_LOGIN_FIELDS", &["user_id,email", "username, groups"], &["user_id,password", "id"]),
    ("JETON_LOGIN_SCOPE", &["a b:read", "a"], &["a\"b", "ä", "a\\b", "a jeton:admin", LONG]),
    ("JETON_AUTH_KEYWORDS", &["Bearer", "Token,Bearer,JWT"], &[",", "Basic", "To ken", "Tok:en"]),
    ("JETON_USER_SCOPES", &["a b:read", "a", "none"], &["a\"b", "ä", "a jeton:admin", "jeton:", LONG]),
    ("JETON_NAMED_TOKENS_PER_USER", &["5", "none"], &["0", "-1", "many"]),
    ("JETON_NAMED_TOKEN_MAX_TTL", &["90d", "none"], &["90", "0s", "forever"]),
    (
        "JETON_PROFILE_FIELDS",
        &["first_name", "last_name, first_name", "none"],
        &["email", "name", "first_name;last_name"],
    ),
    (
        "JETON_KEY_HEADERS",
        &["X-Api-Key", "X-Api-Key, PRIVATE-TOKEN"],
        &[
            ",",
            "X Api",
            "X-Käy",
            "Authorization",
            "cookie",
            "Host",
            "X-Request-Id",
            "Content-Length",
            "X-Forwarded-For",
        ],
    ),
    ("JETON_KEY_BASIC", &["true", "0"], &["yes"]),
    (
        "JETON_CORS_ORIGINS",
        &["https://app.example.com", "http://localhost:3000, https://[::1]:8443"],
        &[
            "*",
            "app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "null",
            ",",
            "https://u@h",
            "https://a.example:443",
            "http://a.example:80",
            "https://*.a.example",
        ],
    ),
    ("JETON_VERIFY_PREFLIGHT", &["true", "0"], &["yes"]),
    ("JETON_KEEP_ALIVE", &["5s", "2m"], &["0s", "75", "none"]),
    ("JETON_MAX_CONNECTIONS", &["100"], &["0", "-1", "many"]),
    ("JETON_LOGIN_LIMIT_ACCOUNT", &["5/m", "none"], &["5", "/min", "5/w"]),
    ("JETON_CLIENT_LIMIT_ADDRESS", &["5/m", "none"], &["5", "/min", "5/w"]),
    (
        "JETON_ISSUER",
        &["https://tokens.example.com", "http://localhost:8000/a", "https://[::1]:8000/"],
        &[
            "tokens.example.com",
            "ftp://h",
            "https://h?x=1",
            "https://h#x",
            "https://",
            "https:///a",
            "https://:80",
            "https://a b",
            "https://u:p@h",
            "https://h/é",
            "https://h/\"",
        ],
    ),
    ("JETON_RETENTION", &["7d"], &["0s", "none", "7"]),
    ("JETON_AUDIT_RETENTION", &["400d"], &["0s", "none", "7"]),
    ("JETON_LEGACY_HASHES", &["true", "1", "false"], &["yes", "md5"]),
    ("JETON_CACHE_BYTES", &["0", "1024", "512KiB", "1GiB"], &["64MB", "-1", "much", "64 MiB"]),
    ("JETON_REVOCATION_BOUND", &["500ms", "2s"], &["0", "0s", "1"]),
    ("JETON_STALE_IF_ERROR", &["30s", "0"], &["30", "none"]),
    (
        "JETON_LOG",
        &["debug", "WARN", "warn,jeton::store=debug", "off", "jeton", "actix_server=info,warn", "info/refused"],
        &[
            "jeton=loud",
            "info,jeton=loud",
            "WARNING",
            "err",
            "verbose",
            "info,jetn=debug",
            "jeton::htpp",
            ",",
            "/x",
            "info/(",
        ],
    ),
    ("JETON_LOG_FORMAT", &["json", "text"], &["JSON", "xml"]),
    ("JETON_METRICS_LISTEN", &["127.0.0.1:9000", "unix:/run/m.sock"], &["9000", "here"]),
    ("JETON_TRUSTED_PROXIES", &["10.0.0.0/8,::1", "192.0.2.1"], &["10.0.0.0/33", "proxy", "10.0.0.0/8;::1"]),
    ("JETON_ARGON2_MEMORY_KIB", &["65536", "8"], &["0", "7", "19 MiB", "-1"]),
    ("JETON_ARGON2_ITERATIONS", &["3"], &["0", "two"]),
    ("JETON_ARGON2_PARALLELISM", &["2"], &["0", "one"]),
    ("JETON_HASH_MAX_MEMORY", &["64MiB", "1GiB"], &["64MB", "much", "0", "18MiB"]),
    ("JETON_LOGIN_THREADS", &["2", "cores"], &["0", "all"]),
    ("JETON_LOGIN_QUEUE", &["128", "0"], &["-1", "long"]),
    (
        "JETON_LOGIN_LIMIT_ADDRESS",
        &["5/s", "1000/hour", "9/day", "none"],
        &["10", "10/", "0/min", "ten/min", "10/year"],
    ),
    ("JETON_LOGIN_LIMIT_USER", &["5/m", "none"], &["5", "/min", "5/w"]),
    ("JETON_WORKERS", &["3", "cores"], &["0", "many"]),
    ("JETON_DATABASE_POOL", &["20"], &["0", "-1", "many"]),
    ("JETON_DATABASE_TIMEOUT", &["5s"], &["0s", "5"]),
    ("JETON_DRAIN", &["15s", "0s"], &["15", "none"]),
    ("JETON_MIGRATE", &["false"], &["no"]),
    ("JETON_SHUTDOWN_TIMEOUT", &["10s", "0s"], &["10", "none"]),
];

/// Settings that are only valid together with another one, and secrets.
const PAIRS: [[(&str, &str); 2]; 4] = [
    [("JETON_BOOTSTRAP_ADMIN", "root"), ("JETON_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD)],
    [
        ("JETON_BOOTSTRAP_CLIENT_ID", "billing"),
        ("JETON_BOOTSTRAP_CLIENT_SECRET", "a secret of at least 32 characters, chosen"),
    ],
    [("JETON_TLS_CERT", "/etc/cert.pem"), ("JETON_TLS_KEY", "/etc/key.pem")],
    OWN_CLIENT,
];

/// An edge's own client at its upstream.
const OWN_CLIENT: [(&str, &str); 2] =
    [("JETON_UPSTREAM_CLIENT_ID", "edge"), ("JETON_UPSTREAM_CLIENT_SECRET", "a secret of at least 32 characters")];

fn flag(name: &str) -> String {
    format!("--{}", name.trim_start_matches("JETON_").to_lowercase().replace('_', "-"))
}

#[test]
fn valid_values_are_accepted_and_shown() {
    for (name, good, _) in SETTINGS {
        for value in *good {
            let shown = line_of(&Jeton::new().env(name, *value).run(&["config"]), name);
            assert_eq!(shown, ((*value).to_owned(), "environment".to_owned()), "{name}");
        }
        let shown = line_of(&Jeton::new().run(&[&flag(name), good[0], "config"]), name);
        assert_eq!(shown, (good[0].to_owned(), "flag".to_owned()), "{name}");
    }
    for pair in PAIRS {
        let jeton = Jeton::new().env(pair[0].0, pair[0].1).env(pair[1].0, pair[1].1);
        assert_eq!(line_of(&jeton.run(&["config"]), pair[0].0), (pair[0].1.to_owned(), "environment".to_owned()));
    }
}

#[test]
fn bad_values_are_refused_by_name_wherever_they_come_from() {
    for (name, _, bad) in SETTINGS {
        for value in *bad {
            refused(&Jeton::new().env(name, *value), &["config"], name);
        }
        refused(&Jeton::new(), &["config", &format!("{}={}", flag(name), bad[0])], name);
    }
    for bad in ["5a5a", "zz", &KEY[1..], &format!("{KEY}5a"), &KEY.replace("5a", "5g")] {
        let list = format!("{KEY},{bad}");
        for (name, bad) in
            [("JETON_SECRET_KEY", bad), ("JETON_SECRET_KEY_FALLBACKS", bad), ("JETON_SECRET_KEY_FALLBACKS", &list)]
        {
            let words = refused(&Jeton::new().env(name, bad), &["config"], name);
            assert!(!words.contains(bad), "no secret in an error, not even a bad one: {words}");
        }
    }
}

#[test]
fn a_clients_secret_that_can_be_guessed_is_refused() {
    let jeton = |secret: &str| {
        Jeton::new().env("JETON_BOOTSTRAP_CLIENT_ID", "billing").env("JETON_BOOTSTRAP_CLIENT_SECRET", secret)
    };
    for short in ["abc", &"x".repeat(31), &"ü".repeat(31)] {
        for command in ["config", "serve"] {
            let words = refused(&jeton(short), &[command], "JETON_BOOTSTRAP_CLIENT_SECRET");
            assert!(words.contains("at least 32 characters") && !words.contains(short), "{words}");
        }
    }
    for good in ["x".repeat(32), "ü".repeat(32)] {
        done(&jeton(&good), &["config"]);
    }
}

#[test]
fn one_setting_of_a_pair_is_refused_with_the_name_of_the_missing_one() {
    for [first, second] in PAIRS {
        for (given, missing) in [(first, second), (second, first)] {
            let words = refused(&Jeton::new().env(given.0, given.1), &["config"], missing.0);
            assert!(words.contains(given.0) && !words.contains(given.1), "{words}");
        }
    }
}

#[test]
fn an_upstream_is_a_list_of_urls_and_needs_a_client() {
    let [id, secret] = OWN_CLIENT;
    let edge = |urls: &str| Jeton::new().env("JETON_UPSTREAM", urls).env(id.0, id.1).env(secret.0, secret.1);
    for good in ["https://a.example.com", "http://127.0.0.1:8000,https://b.example.com/jeton"] {
        let shown = line_of(&edge(good).run(&["config"]), "JETON_UPSTREAM");
        assert_eq!(shown, (good.to_owned(), "environment".to_owned()));
    }
    for bad in ["a.example.com", "ftp://a.example.com", "https://a.example.com,b"] {
        refused(&edge(bad), &["config"], "JETON_UPSTREAM");
    }
    refused(&Jeton::new().env("JETON_UPSTREAM", "https://a.example.com"), &["edge"], id.0);
}

#[test]
fn all_faults_are_reported_at_once() {
    let jeton = Jeton::new().env("JETON_LISTEN", "here").env("JETON_WORKERS", "0").env("JETON_NONSENSE", "1");
    let output = jeton.run(&["serve"]);
    for name in ["JETON_LISTEN", "JETON_WORKERS", "JETON_NONSENSE"] {
        assert!(output.stderr.lines().any(|line| line.starts_with(&format!("error: {name}: "))), "{output:?}");
    }
}

#[test]
fn config_has_a_line_for_every_setting_and_help_names_it() {
    let printed = done(&Jeton::new(), &["config"]);
    let help = done(&Jeton::new(), &["help", "settings"]);
    let names: Vec<&str> = printed.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let others = ["JETON_SECRET_KEY", "JETON_SECRET_KEY_FALLBACKS", "JETON_UPSTREAM"];
    let expected =
        SETTINGS.iter().map(|(name, ..)| *name).chain(PAIRS.iter().flatten().map(|(name, _)| *name)).chain(others);
    for name in expected.clone() {
        assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{name} in:\n{printed}");
    }
    for name in &names {
        assert!(help.contains(name), "{name}");
        assert!(expected.clone().any(|other| other == *name), "{name} has no row in this test");
    }
    for line in printed.lines() {
        assert!(line.split(' ').count() >= 3 && line.ends_with(" default"), "{line}");
    }
}
