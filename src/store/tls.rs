//! TLS to PostgreSQL. It is built in only with the feature `postgres-tls`, because it takes most of the time of a
//! build.

use super::StoreError;
use crate::domain::database_url::DatabaseUrl;

/// Whether libpq has TLS.
const BUILT_IN: bool = cfg!(feature = "postgres-tls");

/// How to get TLS.
pub const HOW_TO_BUILD: &str =
    "this jeton was built without TLS to PostgreSQL; build it with `--features postgres-tls`";

/// Checks a URL before it is used, and warns if traffic would cross a network unencrypted.
///
/// # Errors
/// [`StoreError::Unusable`] when the URL requires TLS and this binary has none.
pub fn check(url: &DatabaseUrl) -> Result<(), StoreError> {
    // Before libpq does it, and with what it does not ask for: that OpenSSL frees nothing as the process ends, for threads
    // may be connecting still.
    #[cfg(feature = "postgres-tls")]
    openssl_sys::init();
    let warning = if BUILT_IN { None } else { without_tls(url)? };
    if let Some(warning) = warning {
        log::warn!("{warning}");
    }
    Ok(())
}

/// The warning for a binary without TLS, if the URL needs one.
fn without_tls(url: &DatabaseUrl) -> Result<Option<String>, StoreError> {
    if let Some(parameter) = url.asks_for_tls() {
        return Err(StoreError::Unusable(format!("{url} asks for TLS ({parameter}), but {HOW_TO_BUILD}")));
    }
    Ok(url.goes_over_the_network().then(|| {
        format!(
            "{url} is on another host, and anybody on the network between can read and change the traffic: {HOW_TO_BUILD}. \
             If the network is safe, set sslmode=disable in the URL"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_asks_for_tls_is_refused_by_the_features_name_and_a_plain_one_is_warned_of() {
        let said = |text: &str| without_tls(&DatabaseUrl::parse(text).unwrap()).map_err(|error| error.to_string());
        let refused = said("postgres://amy:hunter22@db/jeton?sslmode=verify-full").unwrap_err();
        assert!(refused.contains("sslmode=verify-full") && refused.contains("--features postgres-tls"), "{refused}");
        let warning = said("postgres://amy:hunter22@db/jeton").unwrap().unwrap();
        assert!(warning.contains("--features postgres-tls") && warning.contains("sslmode=disable"), "{warning}");
        assert!(!format!("{refused}{warning}").contains("hunter22"));
        for quiet in ["postgres://db/jeton?sslmode=disable", "postgres:///jeton", "sqlite://jeton.db"] {
            assert_eq!(said(quiet), Ok(None), "{quiet}");
        }
    }

    /// libpq itself reports missing TLS, also for `PGSSLMODE`.
    #[test]
    fn the_feature_agrees_with_libpq() {
        use diesel::Connection;
        let error = diesel::PgConnection::establish("postgres://127.0.0.1:1/d?sslmode=require").err().unwrap();
        assert_eq!(error.to_string().contains("SSL support is not compiled in"), !BUILT_IN, "{error}");
    }
}
