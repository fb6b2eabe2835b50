//! `X-Forwarded-*`, read from the right: values further left were written by hosts further away, and finally by the
//! client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderValue};

/// One host that a request passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Its address.
    Address(IpAddr),
    /// Not an address: `unknown`, a name, odd bytes.
    Unreadable,
}

/// The hosts in `X-Forwarded-For`, the nearest first. Empty list elements are ignored (RFC 9110 section 5.6.1).
pub fn hops<'a>(headers: impl DoubleEndedIterator<Item = &'a [u8]>) -> impl Iterator<Item = Hop> {
    elements(headers).map(|element| address(element).map_or(Hop::Unreadable, Hop::Address))
}

/// The last value of a list header, which the nearest proxy wrote. `None` if it is not text.
pub fn last_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values: Vec<&[u8]> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
    elements(values.into_iter()).next().and_then(|value| str::from_utf8(value).ok())
}

fn elements<'a>(headers: impl DoubleEndedIterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let elements = headers.rev().flat_map(|header| header.rsplit(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// `192.0.2.1`, `2001:db8::1`, either with a port as some load balancers write it, in quotes or not.
fn address(element: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(element).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&[u8]]) -> Vec<Option<String>> {
        let text = |hop| match hop {
            Hop::Address(address) => Some(address.to_string()),
            Hop::Unreadable => None,
        };
        hops(headers.iter().copied()).map(text).collect()
    }

    #[test]
    fn addresses_as_proxies_write_them() {
        for (element, address) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:51234", "203.0.113.9"),
            ("\"203.0.113.9:51234\"", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[::1]:5\"", "::1"),
        ] {
            assert_eq!(read(&[element.as_bytes()]), [Some(address.to_owned())], "{element}");
        }
        for element in [
            "unknown",
            "_hidden",
            "localhost",
            "203.0.113.9:x",
            "203.0.113.9:99999",
            "[203.0.113.9]",
            "1.2.3",
            "\"",
            "for=1.2.3.4",
        ] {
            assert_eq!(read(&[element.as_bytes()]), [None], "{element}");
        }
    }

    #[test]
    fn the_nearest_comes_first_whatever_stands_further_left() {
        let near = Some("203.0.113.9".to_owned());
        assert_eq!(read(&[b"\xff\xfe, 203.0.113.9"]), [near.clone(), None]);
        assert_eq!(read(&[b"\xff", b"1.1.1.1 ,203.0.113.9,, "]), [near, Some("1.1.1.1".to_owned()), None]);
        assert_eq!(read(&[b"", b" , "]), []);
    }
}
