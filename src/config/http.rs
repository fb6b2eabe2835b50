//! The operator's settings for requests and answers.

use super::reader::Reader;
use super::setting::plain;
use super::{parsers, setting_parsers};
use crate::http::{HttpOptions, KeySources, LoginOptions};

pub fn http(from: &mut Reader<'_>, login: LoginOptions) -> HttpOptions {
    HttpOptions {
        auth_keywords: from.under("Requests and answers").read(
            plain(
                "JETON_AUTH_KEYWORDS",
                "Token,Bearer",
                "keywords accepted in Authorization; the first is sent in WWW-Authenticate",
            ),
            setting_parsers::auth_keywords,
        ),
        keys: KeySources::new(
            &from
                .maybe(
                    plain("JETON_KEY_HEADERS", "", "further headers whose whole value is a key, for example X-Api-Key"),
                    setting_parsers::key_headers,
                )
                .unwrap_or_default(),
            from.read(
                plain("JETON_KEY_BASIC", "false", "whether /auth/verify takes a key as the password of HTTP Basic"),
                parsers::boolean,
            ),
        ),
        login,
        trusted_proxies: from
            .maybe(
                plain(
                    "JETON_TRUSTED_PROXIES",
                    "",
                    "proxies whose X-Forwarded-* headers are trusted, for example 10.0.0.0/8,::1",
                ),
                parsers::networks,
            )
            .unwrap_or_default(),
        cors_origins: from
            .maybe(
                plain(
                    "JETON_CORS_ORIGINS",
                    "",
                    "origins whose pages may call the API, for example https://app.example.com",
                ),
                setting_parsers::origins,
            )
            .unwrap_or_default(),
        verify_preflight: from.read(
            plain(
                "JETON_VERIFY_PREFLIGHT",
                "false",
                "whether /auth/verify lets CORS preflights through, without an identity",
            ),
            parsers::boolean,
        ),
    }
}
