//! The secret keys, and the first user and client.

use super::parsers;
use super::reader::Reader;
use super::setting::{file, secret};
use crate::domain::client::ClientSecret;
use crate::domain::password::Password;
use crate::domain::secret_key::SecretKey;
use crate::service::Bootstrap;

/// The keys that seal login tokens.
#[derive(Clone, Debug)]
pub struct SecretKeys {
    /// The current key. Without it, the key file beside an SQLite database is used.
    pub key: Option<SecretKey>,
    /// Older keys.
    pub fallbacks: Vec<SecretKey>,
}

impl SecretKeys {
    /// Reads the settings of the secret keys. A running server reads them again at a reload.
    pub(super) fn read(from: &mut Reader<'_>) -> Self {
        Self {
            key: from.under("Secret keys, and the first user and client").maybe(
                secret("JETON_SECRET_KEY", "64 hex digits; seals login tokens in single mode"),
                SecretKey::parse,
            ),
            fallbacks: from
                .maybe(
                    secret(
                        "JETON_SECRET_KEY_FALLBACKS",
                        "older secret keys, separated by commas: what they sealed still opens, and is resealed",
                    ),
                    |text| parsers::list(text).iter().map(|key| SecretKey::parse(key)).collect(),
                )
                .unwrap_or_default(),
        }
    }
}

pub(super) fn bootstrap(from: &mut Reader<'_>) -> Bootstrap {
    const CLIENT_SECRET: &str = "JETON_BOOTSTRAP_CLIENT_SECRET";
    let admin = from.pair(
        file("JETON_BOOTSTRAP_ADMIN", "", "a superuser created at start if missing"),
        secret("JETON_BOOTSTRAP_ADMIN_PASSWORD", "that superuser's password"),
    );
    let client = from.pair(
        file("JETON_BOOTSTRAP_CLIENT_ID", "", "a client created at start if missing"),
        secret(CLIENT_SECRET, "that client's secret, of at least 32 characters"),
    );
    let chosen = |(id, text): (String, String)| match ClientSecret::chosen(&text) {
        Ok(secret) => Some((id, secret)),
        Err(error) => {
            from.fault(CLIENT_SECRET, &error);
            None
        }
    };
    Bootstrap { admin: admin.map(|(name, password)| (name, Password::new(password))), client: client.and_then(chosen) }
}
