//! A request that Django has answered, to be asked of jeton.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::web::Bytes;

use super::{Header, ShadowState, all, forwarded, latin1, with_address};
use crate::domain::safe_text::{cut, path_without_keys, visible};
use crate::domain::shadow::{About, Answer};
use crate::http::caller::Credentials;
use crate::http::drf::body::parse;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::edge::request_id::{generate, method_name, valid_id};

/// The longest path that is shown, in characters.
const MAX_PATH_CHARS: usize = 100;

/// A request and Django's answer.
pub struct Job {
    pub(super) about: About,
    /// The client's own id if it is valid, else a new one. jeton's log has it, too.
    pub(super) id: HeaderValue,
    pub(super) method: Method,
    pub(super) method_name: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<Header>,
    /// `None`: it is longer than any that jeton reads.
    pub(super) body: Option<Bytes>,
    pub(super) django: Answer,
    /// The key in `Authorization`.
    pub(super) key: Option<String>,
    /// The name that a login is for.
    pub(super) username: Option<String>,
    /// What must not be shown: the key, the password, and every word of `Authorization` after its keyword.
    pub(super) secrets: Vec<String>,
    pub(super) has_authorization: bool,
    /// The keyword of `Authorization`, if it is one that jeton takes beside the project's: the first of
    /// `JETON_AUTH_KEYWORDS`.
    pub(super) other_keyword: Option<String>,
}

impl Job {
    pub(super) fn new(
        about: About,
        request: &HttpRequest,
        body: Option<Bytes>,
        django: Answer,
        state: &ShadowState,
    ) -> Self {
        let credentials = Credentials::in_authorization(request.headers(), &state.options);
        let (key, basic) = match credentials {
            Credentials::Key(key) => (Some(key), None),
            Credentials::Basic(pairs) => {
                (None, pairs.last().map(|(name, secret)| (name.clone(), secret.expose().to_owned())))
            }
            Credentials::None | Credentials::OtherScheme | Credentials::Refused(_) => (None, None),
        };
        let (username, password) = match (about, &body, basic) {
            (_, _, Some((name, password))) => (Some(name), Some(password)),
            (About::Login, Some(body), None) => {
                name_and_password_in(request, body.clone(), state.options.login.name_field())
            }
            _ => (None, None),
        };
        let sent = request.headers().get(AUTHORIZATION).map(|value| latin1(value.as_bytes()));
        let sent = sent.as_deref().and_then(|value| value.split_whitespace().next());
        let is_sent = |keyword: &&String| sent.is_some_and(|sent| sent.eq_ignore_ascii_case(keyword));
        let mut keywords = state.options.auth_keywords.iter();
        let project_keyword = keywords.next();
        let other_keyword = keywords.find(is_sent).filter(|_| !project_keyword.as_ref().is_some_and(is_sent)).cloned();
        let header = request.headers().get_all(AUTHORIZATION).map(|value| latin1(value.as_bytes()));
        // Every word after the keyword counts as a secret, also if the header cannot be parsed.
        let words =
            header.flat_map(|value| value.split_whitespace().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>());
        Self {
            about,
            id: valid_id(request.headers()).unwrap_or_else(generate),
            method: request.method().clone(),
            method_name: method_name(request.method()),
            path: cut(&visible(&path_without_keys(request.path())), MAX_PATH_CHARS),
            headers: with_address(forwarded(&all(request.headers())), request),
            body,
            django,
            secrets: words.chain(password).chain(key.clone()).collect(),
            key,
            username,
            has_authorization: request.headers().contains_key(AUTHORIZATION),
            other_keyword,
        }
    }
}

/// The name and the password in a login's body, as jeton reads them.
fn name_and_password_in(request: &HttpRequest, body: Bytes, name_field: &str) -> (Option<String>, Option<String>) {
    let Ok(data) = parse(request, body) else { return (None, None) };
    let Ok(mut fields) = Fields::of(&data) else { return (None, None) };
    let (username, password) =
        (fields.required_text(name_field, Trim::Yes), fields.required_text("password", Trim::No));
    (Some(username).filter(|name| !name.is_empty()), Some(password))
}
