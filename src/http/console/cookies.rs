//! The console's two cookies: the session, and the one that the sign-in form is bound to before there is a session.

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};

use crate::domain::session::SessionKey;
use crate::http::peer::is_https;
use crate::http::state::AppState;

/// A cookie of ours. Both hold a key of the same kind.
#[derive(Clone, Copy)]
pub enum Cookie {
    /// The session of a signed-in user.
    Session,
    /// The browser that was shown a sign-in form. It is another cookie than the session's: a browser that follows a
    /// link from another site does not send the session's cookie (`SameSite=Strict`) and is shown the form, which must
    /// not overwrite that cookie.
    Form,
}

impl Cookie {
    /// Under HTTPS the name has a prefix: browsers then accept the cookie only from a secure origin. Not `__Host-`,
    /// which requires `Path=/`.
    const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Secure-jeton_console",
            (Self::Session, false) => "jeton_console",
            (Self::Form, true) => "__Secure-jeton_console_form",
            (Self::Form, false) => "jeton_console_form",
        }
    }

    /// What the browser sent.
    pub fn sent(self, request: &HttpRequest, state: &AppState) -> Option<SessionKey> {
        let name = self.name(is_https(request, state));
        // As bytes: cookies of other services on the same host need not be ASCII.
        let headers = request.headers().get_all(COOKIE).map(HeaderValue::as_bytes);
        let pairs = headers.flat_map(|header| header.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
        let mut values = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        values.find_map(|value| SessionKey::parse(str::from_utf8(value).ok()?))
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
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/console; HttpOnly; SameSite=Strict{secure}{age}", self.name(https));
        HeaderValue::from_str(&text).expect("names, hex digits and attributes are a header value")
    }
}
