//! TLS to PostgreSQL. It is built in only with the feature `postgres-tls`, because it takes most of the time of a
//! build.

use super::StoreError;
use crate::domain::database_url::DatabaseUrl;

/// Whether libpq has TLS.
const BUILT_IN: bool = cfg!(feature = "postgres-tls");

/// How to get TLS.
pub const HOW_TO_BUILD: &str =
    "this jeton was built without TLS to PostgreSQL; build it with `--features postgres-tls`";

/// Checks a URL before it is used. A binary without TLS refuses one that requires it, and warns if traffic would cross a
/// network; one with TLS initializes OpenSSL.
///
/// # Errors
/// [`StoreError::Unusable`] when the URL requires TLS and this binary has none.
pub fn check(url: &DatabaseUrl) -> Result<(), StoreError> {
    // Initializes OpenSSL before libpq does, and with an option that libpq does not set: OpenSSL frees nothing when the
    // process exits, because threads may still be connecting.
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
    fn a_url_that_requires_tls_is_refused_and_a_remote_one_without_tls_causes_a_warning() {
        let said = |text: &str| without_tls(&DatabaseUrl::parse(text).unwrap()).map_err(|error| error.to_string());
        let refused = said("postgres://amy:hunter22@db/jeton?sslmode=verify-full").unwrap_err();
        assert!(refused.contains("sslmode=verify-full") && refused.contains("--features postgres-tls"), "{refused}");
        let warning = said("postgres://amy:hunter22@db/jeton").unwrap().unwrap();
        assert!(warning.contains("--features postgres-tls") && warning.contains("sslmode=disable"), "{warning}");
        assert!(!format!("{refused}{warning}").contains("hunter22"));
        for plain in ["postgres://db/jeton?sslmode=disable", "postgres:///jeton", "sqlite://jeton.db"] {
            assert_eq!(said(plain), Ok(None), "{plain}");
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
