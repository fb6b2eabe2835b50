//! Differences that are to be expected, and why.

use super::{About, Answer};

/// Why two answers may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Explained {
    /// The user was made at Django after the import.
    UserNotImported,
    /// jeton has never had the token: it was made at Django after the import, and not by a login that was seen here.
    TokenNotImported,
    /// jeton takes tokens behind further keywords, `Bearer` for example, which the project passes over.
    OtherKeyword,
    /// One of the two limits requests or failures.
    Throttled,
    /// The project answers 403 to a bad token, because another authentication class stands before that for tokens.
    ForbiddenForRefused,
    /// The project answered without checking the token, as it does where there is no view.
    TokenNotChecked,
    /// The project failed.
    ServerError,
    /// The project's answer is a page for people.
    Html,
    /// The project's answer is in the reader's language.
    Language,
    /// jeton takes bodies up to 64 KiB.
    BodyLimit,
    /// The project refuses a login that is sent with a bad `Authorization`; jeton does not read it there.
    AuthorizationAtLogin,
    /// The words after `JSON parse error - ` are the parser's own.
    ParserWords,
}

/// What is known of a request whose answers differ, beside the answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// It was sent with `Authorization`.
    pub has_authorization: bool,
    /// The project did not look at the token, because it stands behind another keyword.
    pub is_passed_over: bool,
    /// Its body is longer than those that jeton takes.
    pub is_long: bool,
    /// jeton knows no user of that name.
    pub is_user_unknown: bool,
    /// jeton has never had its token.
    pub is_token_unknown: bool,
}

impl Explained {
    /// The word in the log and in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserNotImported => "user_not_imported",
            Self::TokenNotImported => "token_not_imported",
            Self::OtherKeyword => "other_keyword",
            Self::Throttled => "throttled",
            Self::ForbiddenForRefused => "forbidden_for_refused",
            Self::TokenNotChecked => "token_not_checked",
            Self::ServerError => "server_error",
            Self::Html => "html",
            Self::Language => "language",
            Self::BodyLimit => "body_limit",
            Self::AuthorizationAtLogin => "authorization_at_login",
            Self::ParserWords => "parser_words",
        }
    }

    /// Why these answers differ, if that is to be expected.
    #[must_use]
    pub fn of(about: About, django: &Answer, jeton: &Answer, facts: Facts) -> Option<Self> {
        let is_accepted = (200..300).contains(&django.status);
        let is_html = django.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if django.status == 429 || jeton.status == 429 {
            return Some(Self::Throttled);
        }
        if facts.is_long && jeton.status == 413 {
            return Some(Self::BodyLimit);
        }
        match about {
            About::Login if is_accepted && facts.is_user_unknown => return Some(Self::UserNotImported),
            About::Login if django.status == 401 && facts.has_authorization => {
                return Some(Self::AuthorizationAtLogin);
            }
            About::Login => {}
            _ if facts.is_passed_over => return Some(Self::OtherKeyword),
            _ if django.status == 403 && jeton.status == 401 && django.detail() == jeton.detail() => {
                return Some(Self::ForbiddenForRefused);
            }
            // A page of an application's own, a redirect to a path with a slash, or no view at all.
            _ if jeton.status == 401
                && (matches!(django.status, 300..400 | 404) || (is_html && django.status == 400)) =>
            {
                return Some(Self::TokenNotChecked);
            }
            // jeton has never had this token, so it cannot know whether it is good.
            _ if django.status < 500 && django.status != 401 && jeton.status == 401 && facts.is_token_unknown => {
                return Some(Self::TokenNotImported);
            }
            _ => {}
        }
        if django.status >= 500 {
            return Some(Self::ServerError);
        }
        if django.status != jeton.status {
            return None;
        }
        let is_foreign = |language: String| !language.starts_with("en");
        match (django.detail(), jeton.detail()) {
            _ if is_html => Some(Self::Html),
            _ if django.header("content-language").is_some_and(is_foreign) => Some(Self::Language),
            (Some(theirs), Some(ours)) if has_equal_prefix(&theirs, &ours, " parse error - ") => {
                Some(Self::ParserWords)
            }
            _ => None,
        }
    }
}

fn has_equal_prefix(one: &str, other: &str, end: &str) -> bool {
    match (one.split_once(end), other.split_once(end)) {
        (Some((one, _)), Some((other, _))) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: Some(body.into()) }
    }

    #[test]
    fn only_what_is_known_to_differ_is_explained() {
        let refused = answer(401, r#"{"detail":"Invalid token."}"#, &[]);
        let plain = |status| answer(status, r#"{"detail":"Not found."}"#, &[]);
        let none = Facts::default();
        let unknown = Facts { is_token_unknown: true, ..none };
        let check = |django: &Answer, facts| Explained::of(About::Check, django, &refused, facts);
        assert_eq!(check(&plain(200), none), None);
        for status in [200, 204, 400, 403, 405] {
            assert_eq!(check(&plain(status), unknown), Some(Explained::TokenNotImported));
        }
        assert_eq!(check(&plain(404), none), Some(Explained::TokenNotChecked));
        let other = Facts { is_passed_over: true, ..none };
        assert_eq!(Explained::of(About::Check, &refused, &plain(200), other), Some(Explained::OtherKeyword));
        assert_eq!(Explained::of(About::Check, &refused, &plain(200), none), None);
        assert_eq!(check(&plain(403), none), None);
        assert_eq!(
            check(&answer(403, r#"{"detail":"Invalid token."}"#, &[]), none),
            Some(Explained::ForbiddenForRefused)
        );
        assert_eq!(check(&plain(500), none), Some(Explained::ServerError));
        assert_eq!(check(&plain(429), none), Some(Explained::Throttled));
        let login = |django: &Answer, jeton: &Answer, facts| Explained::of(About::Login, django, jeton, facts);
        let no_user = Facts { is_user_unknown: true, ..none };
        assert_eq!(login(&plain(200), &plain(400), no_user), Some(Explained::UserNotImported));
        assert_eq!(login(&plain(200), &plain(400), none), None);
        assert_eq!(login(&plain(400), &plain(200), no_user), None);
        let parse = |words: &str| answer(400, &format!(r#"{{"detail":"JSON parse error - {words}"}}"#), &[]);
        assert_eq!(login(&parse("a"), &parse("b"), none), Some(Explained::ParserWords));
        assert_eq!(login(&plain(400), &parse("b"), none), None);
        let french = answer(400, "{}", &[("content-language", "fr")]);
        assert_eq!(login(&french, &plain(400), none), Some(Explained::Language));
    }
}
