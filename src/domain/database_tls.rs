//! Whether a libpq URI requires TLS, and whether it names another machine.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use super::database_url::{DatabaseUrl, Parts};

/// Parameters that require TLS, whatever their value.
const FILES: [&str; 5] = ["sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir"];

/// Parameters that require TLS with these values. `ssl` and `requiressl` are other ways to write `sslmode=require`.
const DEMANDS: [(&str, &[&str]); 6] = [
    ("sslmode", &["require", "verify-ca", "verify-full"]),
    ("ssl", &["true"]),
    ("requiressl", &["1"]),
    ("sslnegotiation", &["direct"]),
    ("sslcertmode", &["require"]),
    ("channel_binding", &["require"]),
];

impl DatabaseUrl {
    /// The parameter that asks for TLS, if one does.
    #[must_use]
    pub fn asks_for_tls(&self) -> Option<String> {
        let Self::Postgres(url) = self else { return None };
        let parameters = parameters(url);
        if disables_tls(&parameters) {
            return None;
        }
        let asks = |(name, value): &&(Cow<'_, str>, Cow<'_, str>)| {
            FILES.contains(&&**name) && !value.is_empty()
                || DEMANDS.iter().any(|(known, values)| known == name && values.contains(&&**value))
        };
        parameters.iter().find(asks).map(|(name, value)| format!("{name}={value}"))
    }

    /// Whether it names another machine, and does not disable TLS.
    #[must_use]
    pub fn goes_over_the_network(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let parameters = parameters(url);
        let value_of = |wanted: &str| {
            let found = parameters.iter().rfind(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.clone().into_owned())
        };
        // The service file of libpq may name any host.
        let hosts = value_of("hostaddr").or_else(|| value_of("host")).unwrap_or_else(|| {
            let hosts = Parts::of(after_scheme(url)).hosts;
            percent_decode_str(hosts).decode_utf8_lossy().into_owned()
        });
        !disables_tls(&parameters) && (value_of("service").is_some() || !hosts.split(',').all(is_local))
    }
}

fn after_scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(_, rest)| rest)
}

/// The names and values of the parameters, both decoded as libpq does it.
fn parameters(url: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let parameters = Parts::of(after_scheme(url)).parameters.split('&');
    parameters.filter_map(|one| one.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Whether `sslmode` is `disable`. If it is given more than once, the last one counts.
fn disables_tls(parameters: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
    parameters.iter().rfind(|(name, _)| name == "sslmode").is_some_and(|(_, value)| value == "disable")
}

/// A socket's folder, or this machine by name or address.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None if host.matches(':').count() == 1 => host.split_once(':').map_or(host, |(name, _port)| name),
        None => host,
    };
    name.is_empty()
        || name.starts_with(['/', '@'])
        || name == "localhost"
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text).unwrap()
    }

    #[test]
    fn parameters_that_require_tls_are_recognised() {
        for parameter in [
            "sslmode=require",
            "sslmode=verify-ca",
            "sslmode=verify-full",
            "sslmode=prefer&sslrootcert=system",
            "sslcert=/etc/client.pem",
            "sslmode=disable&sslmode=require",
            "ssl=true",
            "requiressl=1",
            "sslnegotiation=direct",
            "channel_binding=require",
            "ssl%6Dode=req%75ire",
        ] {
            let asked = url(&format!("postgres://u:p@h/d?{parameter}")).asks_for_tls().unwrap_or_default();
            let decoded = percent_decode_str(parameter).decode_utf8_lossy();
            assert!(!asked.is_empty() && decoded.ends_with(&asked), "{parameter}: {asked}");
        }
        for parameter in [
            "",
            "sslmode=prefer",
            "sslmode=allow",
            "sslmode=disable",
            "sslmode=disable&sslrootcert=/etc/ca.pem",
            "sslrootcert=",
            "ssl=false",
            "sslpassword=x",
            "channel_binding=prefer",
        ] {
            assert_eq!(url(&format!("postgres://h/d?{parameter}")).asks_for_tls(), None, "{parameter}");
        }
        assert_eq!(url("sqlite://x.db?sslmode=require").asks_for_tls(), None);
    }

    #[test]
    fn remote_hosts_are_told_apart_from_local_ones() {
        for there in [
            "postgres://db/d",
            "postgres://u:p@db.example.com:5432/d?sslmode=prefer",
            "postgres://10.0.0.7/d",
            "postgres://[2001:db8::1]:5432/d",
            "postgres://localhost,db/d",
            "postgres:///d?host=db",
            "postgres://localhost/d?hostaddr=10.0.0.7",
            "postgres://localhost/d?service=main",
        ] {
            assert!(url(there).goes_over_the_network(), "{there}");
        }
        for here in [
            "postgres:///d",
            "postgres://localhost:5432/d",
            "postgres://127.0.0.1,[::1]:5432/d",
            "postgres://%2Frun%2Fpostgresql/d",
            "postgres://u@/d?host=/run/postgresql",
            "postgres://db/d?hostaddr=127.0.0.1",
            "postgres://db/d?sslmode=disable",
            "sqlite://db",
        ] {
            assert!(!url(here).goes_over_the_network(), "{here}");
        }
    }
}
