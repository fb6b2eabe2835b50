//! `jeton shadow`: a proxy before a Django project. It passes each request on to Django. Once Django has answered, it
//! asks jeton, too, and reports where the answers differ. The client gets Django's answer and does not wait for jeton.

mod ask;
mod job;
mod keys;
mod pass;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use tokio::sync::mpsc::Sender;

use crate::domain::shadow::About;
use crate::http::options::HttpOptions;
use crate::service::ShadowReport;
use crate::upstream::Forward;
pub use ask::{Asker, ask_all};
pub use job::Job;
pub use pass::pass;

/// Where the project has the views that jeton has, too, and what is not compared.
#[derive(Clone, Debug)]
pub struct ShadowPaths {
    /// Logins.
    pub login: Vec<String>,
    /// Knox's logout.
    pub logout: Vec<String>,
    /// Knox's logout of all tokens.
    pub logoutall: Vec<String>,
    /// Whatever begins with one of these is passed on and not compared.
    pub not_compared: Vec<String>,
}

impl ShadowPaths {
    /// What a request asks for; `None`: nothing that can be compared. OPTIONS is about the view, not about a token.
    fn about(&self, method: &Method, path: &str) -> Option<About> {
        let is_one_of = |paths: &[String]| paths.iter().any(|known| known == path);
        if method == Method::OPTIONS || self.not_compared.iter().any(|start| path.starts_with(start.as_str())) {
            return None;
        }
        Some(if is_one_of(&self.login) {
            About::Login
        } else if method == Method::POST && is_one_of(&self.logout) {
            About::Logout
        } else if method == Method::POST && is_one_of(&self.logoutall) {
            About::Logoutall
        } else {
            About::Check
        })
    }
}

/// What every handler of the proxy needs.
pub struct ShadowState {
    /// The project.
    pub upstream: Forward,
    /// Its URL.
    pub url: String,
    /// Its views.
    pub paths: ShadowPaths,
    /// How requests are read.
    pub options: HttpOptions,
    /// The requests that jeton is to be asked. `None` ends the queue.
    pub jobs: Sender<Option<Job>>,
    /// What was found.
    pub report: std::sync::Arc<ShadowReport>,
}

/// Headers that are about one connection (RFC 9110 section 7.6.1), and the length, which is written anew.
const NOT_FORWARDED: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A name in lower case, and a value.
type Header = (String, Vec<u8>);

/// The headers that are passed on. A header that was sent several times stays in the list several times.
fn forwarded(headers: &[Header]) -> Vec<Header> {
    let named: Vec<Vec<u8>> = headers
        .iter()
        .filter(|(name, _)| name == "connection")
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    let is_forwarded =
        |name: &str| !NOT_FORWARDED.contains(&name) && !named.iter().any(|named| named == name.as_bytes());
    headers.iter().filter(|(name, _)| is_forwarded(name)).cloned().collect()
}

fn all(headers: &HeaderMap) -> Vec<Header> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The address of whoever sent the request, added to those that are known already.
fn with_address(mut headers: Vec<Header>, request: &HttpRequest) -> Vec<Header> {
    const X_FORWARDED_FOR: &str = "x-forwarded-for";
    let Some(peer) = request.peer_addr() else { return headers };
    let mut hops: Vec<Vec<u8>> =
        request.headers().get_all(X_FORWARDED_FOR).map(|value| value.as_bytes().to_vec()).collect();
    hops.push(peer.ip().to_canonical().to_string().into_bytes());
    headers.retain(|(name, _)| name != X_FORWARDED_FOR);
    headers.push((X_FORWARDED_FOR.to_owned(), hops.join(b", ".as_slice())));
    headers
}

fn latin1(value: &[u8]) -> String {
    value.iter().copied().map(char::from).collect()
}
