//! Pages and error pages.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use super::frame::{CONSOLE, Frame};
use crate::http::error::{HttpError, whole_seconds};
use crate::service::Error;
use crate::store::StoreError;

/// Renders a page.
pub fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    let text = page.render().expect("templates render into memory");
    HttpResponse::build(status).content_type(ContentType::html()).body(text)
}

/// 303: redirects to another page.
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// A page, or why there is none.
pub type PageResult = Result<HttpResponse, Refusal>;

/// Why a request is answered without the page that it asked for.
#[derive(Debug)]
pub enum Refusal {
    /// Nobody is signed in: redirects to the sign-in form.
    SignIn(String),
    /// A status and a message.
    Page(StatusCode, String),
    /// An error of the service.
    Service(Error),
    /// The body could not be read.
    Body(HttpError),
}

impl Refusal {
    pub fn not_found() -> Self {
        Error::NotFound.into()
    }

    /// 403 for a form without this session's form token.
    pub fn invalid_form() -> Self {
        let sentence = "This form is no longer valid. Go back, reload the page and try again.";
        Self::Page(StatusCode::FORBIDDEN, sentence.into())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        Self::Body(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn(_) => f.write_str("not signed in"),
            Self::Page(_, sentence) => f.write_str(sentence),
            Self::Service(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
        }
    }
}

impl ResponseError for Refusal {
    /// The page as a stranger sees it. `with_navigation` gives it the frame of whoever is signed in.
    fn error_response(&self) -> HttpResponse {
        self.log();
        self.page(|heading| Frame::plain(CONSOLE, heading))
    }
}

impl Refusal {
    /// Whether the navigation may stand on the page. Where the database does not answer, nobody knows who is signed in.
    pub fn may_have_navigation(&self) -> bool {
        match self {
            Self::Page(status, _) | Self::Body(HttpError::Detail(status, _)) => status.is_client_error(),
            Self::Service(error) => status_and_sentence(error).0.is_client_error(),
            Self::SignIn(_) | Self::Body(_) => false,
        }
    }

    /// The page, in the frame that `framed` makes for its heading.
    pub fn page(&self, framed: impl Fn(&str) -> Frame) -> HttpResponse {
        match self {
            Self::SignIn(location) => see_other(location),
            Self::Page(status, sentence) | Self::Body(HttpError::Detail(status, sentence)) => {
                error_page(*status, sentence, framed)
            }
            Self::Service(error) => {
                let (status, sentence) = status_and_sentence(error);
                let page = error_page(status, &sentence, framed);
                match error {
                    Error::Throttled(wait) => with_retry_after(page, whole_seconds(*wait)),
                    _ if status == StatusCode::SERVICE_UNAVAILABLE => with_retry_after(page, 1),
                    _ => page,
                }
            }
            Self::Body(other) => {
                let refusal = other.error_response();
                let mut page = error_page(refusal.status(), &other.to_string(), framed);
                if let Some(seconds) = refusal.headers().get(RETRY_AFTER) {
                    page.headers_mut().insert(RETRY_AFTER, seconds.clone());
                }
                page
            }
        }
    }

    /// Logs errors that are no fault of whoever sent the request.
    fn log(&self) {
        match self {
            Self::Service(error @ (Error::Busy | Error::UserChanging)) => log::warn!("{error}"),
            Self::Service(Error::Store(error @ StoreError::Disk(_))) => log::log!(error.level(), "{error}"),
            Self::Service(Error::Store(error)) if error.is_transient() => log::warn!("{error}"),
            Self::Service(Error::Store(error)) => log::error!("{error}"),
            _ => {}
        }
    }
}

fn status_and_sentence(error: &Error) -> (StatusCode, String) {
    match error {
        Error::NotAuthenticated(_) => (StatusCode::UNAUTHORIZED, error.to_string()),
        Error::PermissionDenied | Error::TokenLimit => (StatusCode::FORBIDDEN, error.to_string()),
        Error::NotFound => (StatusCode::NOT_FOUND, "This page does not exist, or what it showed was deleted.".into()),
        Error::Invalid(faults) => (StatusCode::BAD_REQUEST, faults.to_string()),
        Error::LoginRefused(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        Error::Conflict(sentence) => (StatusCode::CONFLICT, sentence.clone()),
        Error::Throttled(wait) => (StatusCode::TOO_MANY_REQUESTS, throttled(*wait)),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many logins at once, try again later.".into()),
        Error::UserChanging | Error::Stopping => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Error::Store(StoreError::Disk(_)) => {
            let sentence =
                "Nothing can be changed now, because the database's disk is full. Try again when there is space.";
            (StatusCode::SERVICE_UNAVAILABLE, sentence.into())
        }
        Error::Store(error) if error.is_transient() => {
            (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer. Try again in a moment.".into())
        }
        Error::Store(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "An internal error occurred. The log has the details.".into())
        }
    }
}

/// The page, and how many seconds the browser should wait before it sends the request again.
pub fn with_retry_after(mut page: HttpResponse, seconds: u64) -> HttpResponse {
    page.headers_mut().insert(RETRY_AFTER, seconds.into());
    page
}

/// The message after too many failed attempts.
pub fn throttled(wait: std::time::Duration) -> String {
    let seconds = whole_seconds(wait);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Too many failed attempts. Try again in {seconds} {unit}.")
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    heading: &'a str,
    sentence: &'a str,
}

/// The sentence of an error page, for whoever shows it in another frame.
pub struct ErrorSentence(pub String);

fn error_page(status: StatusCode, sentence: &str, framed: impl Fn(&str) -> Frame) -> HttpResponse {
    let heading = status.canonical_reason().unwrap_or("Error");
    let frame = framed(heading);
    let mut page = html(status, &ErrorPage { frame, status: status.as_u16(), heading, sentence });
    page.extensions_mut().insert(ErrorSentence(sentence.to_owned()));
    page
}

/// 404 for a path below `/console/` that has no route.
pub async fn not_found() -> PageResult {
    Err(Refusal::not_found())
}

/// 405 for a method that a page does not support.
pub async fn other_method(request: HttpRequest) -> PageResult {
    let sentence = format!("This page does not support {}.", request.method());
    Err(Refusal::Page(StatusCode::METHOD_NOT_ALLOWED, sentence))
}
