//! Parsers for common kinds of values: numbers, durations, sizes, lists, addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::duration;
use crate::domain::rate::Rate;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `host:port`.
    Tcp(String),
    /// `unix:/path`.
    Unix(PathBuf),
}

/// `127.0.0.1:8000`, `localhost:8000`, `[::1]:8000` or `unix:/path`.
pub fn listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() {
            Err("there is no path after unix:".into())
        } else {
            Ok(Listen::Unix(path.into()))
        };
    }
    let good = text.parse::<SocketAddr>().is_ok()
        || text.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains([':', '/', ' ']) && port.parse::<u16>().is_ok()
        });
    if good {
        Ok(Listen::Tcp(text.to_owned()))
    } else {
        Err("write an address and a port such as 127.0.0.1:8000, or unix:/path".into())
    }
}

/// A duration greater than zero.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .and_then(|span| if span.is_zero() { Err("it must be greater than zero".into()) } else { Ok(span) })
}

/// `none`, or a value that `value` parses.
fn optional<T>(text: &str, value: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == "none" { Ok(None) } else { value(text).map(Some).map_err(|error| format!("{error}, or none")) }
}

/// A duration greater than zero, or `none`.
pub fn optional_duration(text: &str) -> Result<Option<Duration>, String> {
    optional(text, positive_duration)
}

/// A whole number of at least 1, or `none`.
pub fn optional_count(text: &str) -> Result<Option<u32>, String> {
    optional(text, positive)
}

/// `10/min`, or `none`.
pub fn limit(text: &str) -> Result<Option<Rate>, String> {
    optional(text, Rate::parse)
}

/// `true`, `false`, `1` or `0`.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("write true or false".into()),
    }
}

/// A whole number of at least 1.
pub fn positive(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write a whole number of at least 1".into())
}

/// A number of threads, or `cores`: as many as there are.
pub fn threads(text: &str) -> Result<usize, String> {
    if text == "cores" {
        return Ok(std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    }
    positive(text).map(|number| number as usize)
}

/// A whole number of at least 0.
pub fn whole(text: &str) -> Result<usize, String> {
    text.parse::<u32>().map(|number| number as usize).map_err(|_| "write a whole number".into())
}

/// `64MiB`, `1GiB`, `512KiB`, or bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let expected = || "write a size such as 64MiB, 512KiB or 1GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// The same in KiB. A number that is too large becomes the largest one.
pub fn kibibytes(text: &str) -> Result<u32, String> {
    bytes(text).map(|bytes| u32::try_from(bytes / 1024).unwrap_or(u32::MAX))
}

/// Words, separated by commas.
pub fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// Networks or single addresses, separated by commas.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    list(text)
        .iter()
        .map(|word| {
            word.parse::<IpNet>()
                .or_else(|_| word.parse().map(|address: std::net::IpAddr| IpNet::from(address)))
                .map_err(|_| format!("`{word}` is not a network; write for example 10.0.0.0/8 or ::1"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_listen() {
        for good in ["127.0.0.1:8000", "[::1]:0", "localhost:80", "unix:/run/jeton.sock"] {
            assert!(listen(good).is_ok(), "{good}");
        }
        for bad in ["", "8000", ":8000", "localhost", "localhost:99999", "unix:", "http://localhost:80", "::1:80:"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_networks() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("0"), Ok(0));
        assert!(bytes("64MB").is_err() && bytes("MiB").is_err() && bytes("99999999999999GiB").is_err());
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap().len(), 2);
        assert!(networks("10.0.0.0/8,here").is_err());
    }
}
