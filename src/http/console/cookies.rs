//! The cookies of the console and of `/account/`: for each the session, and the one that a form is bound to while nobody
//! is signed in; and one that says where a browser starts.

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};

use super::frame::{ACCOUNT, CONSOLE};
use crate::domain::session::SessionKey;
use crate::http::peer::is_https;
use crate::http::state::AppState;

/// A cookie of ours. All hold a key of the same kind.
#[derive(Clone, Copy)]
pub enum Cookie {
    /// The console's session of a signed-in user.
    Session,
    /// The browser that was shown a sign-in form. It is another cookie than the session's: a browser that follows a
    /// link from another site does not send the session's cookie (`SameSite=Strict`) and is shown the form, which must
    /// not overwrite that cookie.
    Form,
    /// The session of a user at `/account/`.
    AccountSession,
    /// The browser that was shown a form of `/account/` while nobody was signed in.
    AccountForm,
}

impl Cookie {
    const fn plain_name(self) -> &'static str {
        match self {
            Self::Session => "jeton_console",
            Self::Form => "jeton_console_form",
            Self::AccountSession => "jeton_account",
            Self::AccountForm => "jeton_account_form",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Session | Self::Form => CONSOLE,
            Self::AccountSession | Self::AccountForm => ACCOUNT,
        }
    }

    /// Under HTTPS the name has a prefix: browsers then accept the cookie only from a secure origin. Not `__Host-`,
    /// which requires `Path=/`.
    fn name(self, https: bool) -> String {
        format!("{}{}", if https { "__Secure-" } else { "" }, self.plain_name())
    }

    /// What the browser sent.
    pub fn sent(self, request: &HttpRequest, state: &AppState) -> Option<SessionKey> {
        let name = self.name(is_https(request, state));
        values(request, &name).find_map(|value| SessionKey::parse(str::from_utf8(value).ok()?))
    }

    /// The header that sets the cookie until the browser is closed.
    pub fn set(self, key: &SessionKey, request: &HttpRequest, state: &AppState) -> HeaderValue {
        self.header(&key.expose(), "", request, state)
    }

    /// The header that deletes the cookie.
    pub fn forget(self, request: &HttpRequest, state: &AppState) -> HeaderValue {
        self.header("", "; Max-Age=0", request, state)
    }

    fn header(self, value: &str, age: &str, request: &HttpRequest, state: &AppState) -> HeaderValue {
        let https = is_https(request, state);
        let attributes = format!("Path={}; HttpOnly; SameSite=Strict", self.path());
        cookie(&self.name(https), value, &attributes, https, age)
    }
}

/// The values that a request has for a cookie. As bytes: cookies of other services on the same host need not be ASCII.
fn values<'a>(request: &'a HttpRequest, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let headers = request.headers().get_all(COOKIE).map(HeaderValue::as_bytes);
    let pairs = headers.flat_map(|header| header.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    pairs.filter_map(move |pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn cookie(name: &str, value: &str, attributes: &str, https: bool, age: &str) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={value}; {attributes}{secure}{age}");
    HeaderValue::from_str(&text).expect("names, hex digits and attributes are a header value")
}

const fn start_name(https: bool) -> &'static str {
    if https { "__Host-jeton_start" } else { "jeton_start" }
}

/// The header that makes `/` lead this browser to the console. It is no credential, and only `/` reads it: the session's
/// cookie is not sent there.
pub fn start_at_console(request: &HttpRequest, state: &AppState) -> HeaderValue {
    start_header("console", "", request, state)
}

/// The header that ends this.
pub fn forget_start(request: &HttpRequest, state: &AppState) -> HeaderValue {
    start_header("", "; Max-Age=0", request, state)
}

/// Whether this browser is signed in at the console, as far as `/` can know.
pub fn starts_at_console(request: &HttpRequest, state: &AppState) -> bool {
    values(request, start_name(is_https(request, state))).any(|value| value == b"console")
}

fn start_header(value: &str, age: &str, request: &HttpRequest, state: &AppState) -> HeaderValue {
    let https = is_https(request, state);
    cookie(start_name(https), value, "Path=/; HttpOnly; SameSite=Lax", https, age)
}
