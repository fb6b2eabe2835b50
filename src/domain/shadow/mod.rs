//! Compares two answers to one request: that of the Django project, which the client got, and jeton's.

mod explained;
mod redact;

use serde_json::Value;

pub use explained::{Explained, Facts};
pub use redact::{key_in, redacted};

use redact::comparable;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A token, for a name and a password.
    Login,
    /// The end of the token that it was sent with.
    Logout,
    /// The end of all of the user's tokens.
    Logoutall,
    /// Anything else: whether its token is good.
    Check,
}

impl About {
    /// The word in the log and in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Logoutall => "logoutall",
            Self::Check => "check",
        }
    }

    /// Whether later requests may be answered differently because of it.
    #[must_use]
    pub const fn ends_tokens(self) -> bool {
        matches!(self, Self::Logout | Self::Logoutall)
    }

    /// The headers that both answers must have, or both lack.
    const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Login => &["content-type", "allow", "www-authenticate"],
            // `Allow` is about the view that was asked, not about the token.
            Self::Logout | Self::Logoutall | Self::Check => &["content-type", "www-authenticate"],
        }
    }
}

/// An answer, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers, names in lower case, values as Latin-1.
    pub headers: Vec<(String, String)>,
    /// `None`: it was too long, or is compressed.
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// The values of a header, joined as lists are.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The text of DRF's `detail`.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(self.body.as_deref()?).ok()?;
        Some(body.get("detail")?.as_str()?.to_owned())
    }
}

/// One thing in which two answers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `status 401 / 200`, `header allow`, or `body`.
    pub kind: String,
    /// Django's.
    pub django: String,
    /// jeton's.
    pub jeton: String,
}

/// The differences between the answers. `secrets` are texts of the request that must not be shown.
///
/// A check is asked of jeton without the request's view. So jeton's 200 stands for every status that the view may give
/// to the holder of a good token, and only refusals can be compared word by word.
#[must_use]
pub fn differences(
    about: About,
    is_head: bool,
    django: &Answer,
    jeton: &Answer,
    secrets: &[String],
) -> Vec<Difference> {
    let equal_status = match about {
        About::Check if django.status != 401 => {
            if jeton.status == 200 {
                return Vec::new();
            }
            false
        }
        _ => django.status == jeton.status,
    };
    if !equal_status {
        let kind = format!("status {} / {}", django.status, jeton.status);
        return vec![Difference { kind, django: django.status.to_string(), jeton: jeton.status.to_string() }];
    }
    let mut found = Vec::new();
    for name in about.headers().iter().filter(|name| !(is_head && **name == "content-type")) {
        let (theirs, ours) = (django.header(name), jeton.header(name));
        if theirs != ours {
            let shown = |value: Option<String>| {
                value.map_or_else(|| "none".to_owned(), |value| redacted(value.as_bytes(), secrets))
            };
            found.push(Difference { kind: format!("header {name}"), django: shown(theirs), jeton: shown(ours) });
        }
    }
    if let (Some(theirs), Some(ours), false) = (&django.body, &jeton.body, is_head)
        && comparable(theirs) != comparable(ours)
    {
        let (django, jeton) = (redacted(theirs, secrets), redacted(ours, secrets));
        found.push(Difference { kind: "body".into(), django, jeton });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: Some(body.into()) }
    }

    fn kinds(about: About, django: &Answer, jeton: &Answer) -> Vec<String> {
        differences(about, false, django, jeton, &[]).into_iter().map(|difference| difference.kind).collect()
    }

    #[test]
    fn keys_and_times_may_differ_and_nothing_else() {
        let login = |body| answer(200, &[("content-type", "application/json")], body);
        let django = login(r#"{"expiry":"2026-01-01T10:00:00+01:00","token":"aa"}"#);
        for (body, expected) in [
            (r#"{"token":"bb","expiry":"2026-01-01T09:00:00Z"}"#, &[] as &[&str]),
            (r#"{"token":"bb","expiry":null}"#, &["body"]),
            (r#"{"token":"bb"}"#, &["body"]),
            (r#"{"token":7,"expiry":"x"}"#, &["body"]),
            ("no JSON", &["body"]),
        ] {
            assert_eq!(kinds(About::Login, &django, &login(body)), expected, "{body}");
        }
    }

    #[test]
    fn a_good_token_may_have_any_answer_and_a_bad_one_has_one() {
        let refused = answer(401, &[("www-authenticate", "Token")], r#"{"detail":"Invalid token."}"#);
        let good = answer(200, &[("x-auth-user", "alice")], "");
        for status in [200, 201, 204, 302, 400, 403, 404, 405, 500] {
            assert!(kinds(About::Check, &answer(status, &[], "anything"), &good).is_empty());
            let kind = format!("status {status} / 401");
            assert_eq!(kinds(About::Check, &answer(status, &[], "anything"), &refused), [kind]);
        }
        assert_eq!(kinds(About::Check, &refused, &good), ["status 401 / 200"]);
        assert_eq!(kinds(About::Check, &refused, &refused), [""; 0]);
        let other = answer(401, &[], r#"{"detail":"User inactive or deleted."}"#);
        assert_eq!(kinds(About::Check, &refused, &other), ["header www-authenticate", "body"]);
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let (django, jeton) = (answer(401, &[("content-type", "application/json")], ""), answer(401, &[], "x"));
        assert_eq!(differences(About::Check, true, &django, &jeton, &[]), []);
    }
}
