//! Parsers of single settings: token mode, prefix, fields, scopes, headers, origins, issuer.

use super::parsers::list;
use crate::domain::profile::ProfileField;
use crate::domain::scope;
use crate::domain::token::TokenMode;
use crate::domain::user::{LoginBy, User, UsernameCase};
use crate::http::{LOGIN_PATH, LoginFormat, is_reserved};
use crate::logging::LogFormat;

pub fn token_mode(text: &str) -> Result<TokenMode, String> {
    match text {
        "single" => Ok(TokenMode::Single),
        "multiple" => Ok(TokenMode::Multiple),
        _ => Err("write single or multiple".into()),
    }
}

pub fn token_prefix(text: &str) -> Result<String, String> {
    let good = text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if good { Ok(text.to_owned()) } else { Err("write up to 32 letters, digits, - and _, a letter first".into()) }
}

pub fn login_format(text: &str) -> Result<LoginFormat, String> {
    match text {
        "drf" => Ok(LoginFormat::Drf),
        "knox" => Ok(LoginFormat::Knox),
        "djoser" => Ok(LoginFormat::Djoser),
        "dj-rest-auth" => Ok(LoginFormat::DjRestAuth),
        _ => Err("write drf, knox, djoser or dj-rest-auth".into()),
    }
}

/// Paths of the login beside its own, each with a slash at its end.
pub fn login_paths(text: &str) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for path in list(text) {
        let inner = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest)).unwrap_or_default();
        let is_segment = |segment: &str| {
            !["", ".", ".."].contains(&segment)
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if !inner.split('/').all(is_segment) {
            return Err(format!("`{path}` is not a path such as /auth/token/login/"));
        }
        let path = format!("/{inner}/");
        // The default path is no fault. It is passed over before `is_reserved`, which builds the list of all endpoints:
        // an edge has little memory for that.
        if path == LOGIN_PATH || paths.contains(&path) {
            continue;
        }
        if is_reserved(&path) {
            return Err(format!("`{path}` is a path of jeton's already"));
        }
        paths.push(path);
    }
    if paths.is_empty() && list(text).is_empty() {
        Err("write paths such as /auth/token/login/".into())
    } else {
        Ok(paths)
    }
}

pub fn login_by(text: &str) -> Result<LoginBy, String> {
    let mut names = list(text);
    names.sort_unstable();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["username"] => Ok(LoginBy::Username),
        ["email"] => Ok(LoginBy::Email),
        ["email", "username"] => Ok(LoginBy::UsernameOrEmail),
        _ => Err("write username, email, or username,email".into()),
    }
}

pub fn username_case(text: &str) -> Result<UsernameCase, String> {
    match text {
        "exact" => Ok(UsernameCase::Exact),
        "ignore" => Ok(UsernameCase::Ignore),
        _ => Err("write exact or ignore".into()),
    }
}

pub fn login_fields(text: &str) -> Result<Vec<String>, String> {
    let mut known = vec!["user_id"];
    known.extend(User::login_field_names());
    let fields = list(text);
    match fields.iter().find(|field| !known.contains(&field.as_str())) {
        Some(unknown) => Err(format!("`{unknown}` is not one of {}", known.join(", "))),
        None => Ok(fields),
    }
}

/// Scopes that users may have without a member of staff granting them, separated by spaces.
pub fn scopes(text: &str) -> Result<String, String> {
    let scopes = scope::normalise(text)?;
    if let Some(reserved) = scope::each(&scopes).find(|scope| scope::is_reserved(scope)) {
        return Err(format!("only staff may grant `{reserved}`, and only to individual tokens"));
    }
    Ok(scopes)
}

pub fn scopes_or_none(text: &str) -> Result<String, String> {
    if text == "none" { Ok(String::new()) } else { scopes(text) }
}

pub fn profile_fields(text: &str) -> Result<Vec<String>, String> {
    let known = ProfileField::OWN.map(ProfileField::name);
    let fields = if text == "none" { Vec::new() } else { list(text) };
    match fields.iter().find(|field| !known.contains(&field.as_str())) {
        Some(unknown) => Err(format!("`{unknown}` is not one of {}; write none for no field", known.join(", "))),
        None => Ok(fields),
    }
}

/// A token as in RFC 9110 section 5.6.2: the syntax of header names and schemes.
fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Headers that have a meaning to jeton, to HTTP or to a proxy. `key_headers` also refuses some prefixes.
const HEADERS_WITH_A_MEANING: [&str; 17] = [
    "authorization",
    "cookie",
    "host",
    "connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "origin",
    "referer",
    "user-agent",
    "date",
    "via",
    "forwarded",
    "x-real-ip",
    "x-request-id",
];

pub fn key_headers(text: &str) -> Result<Vec<String>, String> {
    let headers = list(text);
    if headers.is_empty() || !headers.iter().all(|header| is_token(header)) {
        return Err("write names of headers such as X-Api-Key".into());
    }
    let has_a_meaning = |header: &&String| {
        let header = header.to_lowercase();
        HEADERS_WITH_A_MEANING.contains(&header.as_str())
            || ["content-", "accept", "x-forwarded-", "access-control-", "proxy-", "sec-", "x-auth-", "remote-"]
                .iter()
                .any(|start| header.starts_with(start))
    };
    match headers.iter().find(has_a_meaning) {
        Some(header) => Err(format!("{header} has another meaning and cannot hold a key")),
        None => Ok(headers),
    }
}

/// Origins as browsers send them (RFC 6454 section 6.1): scheme and host, and a port if it is not the scheme's default.
pub fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = list(text);
    let is_origin = |origin: &str| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
        // Browsers leave out a scheme's default port.
        let default_port = if origin.starts_with("https:") { ":443" } else { ":80" };
        issuer(origin).is_ok()
            && !rest.contains(['/', '*'])
            && !rest.ends_with(default_port)
            && !origin.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(other) => Err(format!("`{other}` is not an origin; write for example https://app.example.com")),
        None if origins.is_empty() => Err("write origins such as https://app.example.com".into()),
        None => Ok(origins),
    }
}

pub fn auth_keywords(text: &str) -> Result<Vec<String>, String> {
    let keywords = list(text);
    // auth-scheme = token, RFC 9110 section 11.1
    if keywords.is_empty() || !keywords.iter().all(|keyword| is_token(keyword)) {
        return Err("write words such as Token,Bearer".into());
    }
    if keywords.iter().any(|word| word.eq_ignore_ascii_case("basic")) {
        return Err("Basic is reserved for clients".into());
    }
    Ok(keywords)
}

pub fn issuer(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    // It goes into URLs. RFC 8414 section 2: without a query and a fragment.
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte));
    let good = plain && !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    if good { Ok(text.to_owned()) } else { Err("write a URL such as https://tokens.example.com".into()) }
}

pub fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text or json".into()),
    }
}
