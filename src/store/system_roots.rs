//! The system's CA certificates, for `sslrootcert=system`. The built-in OpenSSL would look for them in a folder that no
//! system has.

use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The URL with the file of the system's certificates in place of the word `system`, if there is one.
pub fn with_system_roots(url: &str) -> String {
    with_roots(url, || openssl_probe::probe().cert_file)
}

fn with_roots(url: &str, find: impl FnOnce() -> Option<PathBuf>) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    let value = |name: &str| {
        let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    // With `system` libpq also verifies host names, and refuses a URL that asks for less. Such a URL is not changed, so
    // that libpq refuses it.
    let verifies = value("sslmode").is_none_or(|mode| mode == "verify-full");
    if value("sslrootcert") != Some("system") || !verifies {
        return url.to_owned();
    }
    let found = find();
    let Some(file) = found.as_deref().and_then(|file| file.to_str()) else { return url.to_owned() };
    let file = utf8_percent_encode(file, NON_ALPHANUMERIC);
    let ours = [format!("sslrootcert={file}"), "sslmode=verify-full".into()];
    let others =
        query.split('&').filter(|parameter| !["sslrootcert=system", "sslmode=verify-full"].contains(parameter));
    let parameters: Vec<&str> = ours.iter().map(String::as_str).chain(others).collect();
    format!("{place}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_becomes_the_file_and_nothing_is_verified_less() {
        for (given, expected) in [
            ("sslrootcert=system", "sslrootcert=%2Fetc%2Fssl%2Fall%20of%20them%2Epem&sslmode=verify-full"),
            (
                "sslmode=verify-full&sslrootcert=system&application_name=x",
                "sslrootcert=%2Fetc%2Fssl%2Fall%20of%20them%2Epem&sslmode=verify-full&application_name=x",
            ),
            ("sslmode=require&sslrootcert=system", "sslmode=require&sslrootcert=system"),
            ("sslrootcert=/etc/ca.pem", "sslrootcert=/etc/ca.pem"),
            ("sslmode=verify-full", "sslmode=verify-full"),
        ] {
            let url = with_roots(&format!("postgres://h/d?{given}"), || Some("/etc/ssl/all of them.pem".into()));
            assert_eq!(url, format!("postgres://h/d?{expected}"));
        }
        assert_eq!(with_roots("postgres://h/d?sslrootcert=system", || None), "postgres://h/d?sslrootcert=system");
        assert_eq!(with_roots("postgres://h/d", || None), "postgres://h/d");
    }
}
