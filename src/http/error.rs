//! Turns errors into answers. This is the one place that decides status and message. It logs the cause, once.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::http::answer::{self, Detail};
use crate::service::{AuthenticationFault, Error, Faults};

/// The challenge for HTTP Basic.
pub const BASIC_CHALLENGE: &str = "Basic realm=\"jeton\"";

/// The message of a 500.
pub const SERVER_ERROR: &str = "A server error occurred.";
/// The message while the database does not answer.
pub const UNAVAILABLE: &str = "Service temporarily unavailable, try again later.";
/// The message while request bodies take too much memory.
pub const OVERLOADED: &str = "Too many requests at once, try again later.";

/// An answer, or the refusal of a request.
pub type Answered = Result<HttpResponse, HttpError>;

/// The error body of an OAuth endpoint (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub struct OAuthError<'a> {
    /// The error code.
    #[schema(example = "invalid_request")]
    pub error: &'a str,
    /// The error message.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(example = "the parameter token is missing")]
    pub error_description: &'a str,
}

impl<'a> OAuthError<'a> {
    const fn new(error: &'a str) -> Self {
        Self { error, error_description: "" }
    }
}

/// Why a request is answered with an error.
#[derive(Debug)]
pub enum HttpError {
    /// An error of the service.
    Service(Error),
    /// 401, with the challenges for `WWW-Authenticate`.
    NotAuthenticated(AuthenticationFault, Vec<String>),
    /// A status, and the text of DRF's `detail`.
    Detail(StatusCode, String),
    /// `{"error", "error_description"}` (RFC 6749 section 5.2).
    OAuth(&'static str, Cow<'static, str>),
    /// An error of the service, at an OAuth endpoint.
    OAuthService(Error),
    /// The request bodies in memory have reached their limit.
    Overloaded,
    /// The same at an OAuth endpoint.
    OAuthOverloaded,
}

impl From<Error> for HttpError {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl HttpError {
    /// 400, and DRF's `detail`.
    pub const fn bad_request(detail: String) -> Self {
        Self::Detail(StatusCode::BAD_REQUEST, detail)
    }

    /// 400 `invalid_request`, and what is wrong.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::OAuth("invalid_request", description.into())
    }

    /// 401 `invalid_client`.
    pub const fn invalid_client() -> Self {
        Self::OAuth("invalid_client", Cow::Borrowed(""))
    }

    /// The same error. If it is a 401, its challenge is this keyword.
    pub fn challenged_by(self, keyword: &str) -> Self {
        match self {
            Self::Service(Error::NotAuthenticated(fault)) => Self::NotAuthenticated(fault, vec![keyword.to_owned()]),
            other => other,
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) | Self::OAuthService(error) => error.fmt(f),
            Self::NotAuthenticated(fault, _) => fault.fmt(f),
            Self::Detail(_, detail) => f.write_str(detail),
            Self::OAuth(error, description) => write!(f, "{error}: {description}"),
            Self::Overloaded | Self::OAuthOverloaded => f.write_str(OVERLOADED),
        }
    }
}

impl ResponseError for HttpError {
    fn error_response(&self) -> HttpResponse {
        match self {
            Self::NotAuthenticated(fault, challenges) => not_authenticated(*fault, challenges),
            Self::Detail(status, detail) => answer::detail(*status, detail),
            Self::OAuth("invalid_client", _) => {
                let mut refusal = answer::json(StatusCode::UNAUTHORIZED, &OAuthError::new("invalid_client"));
                refusal
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, actix_web::http::header::HeaderValue::from_static(BASIC_CHALLENGE));
                refusal
            }
            Self::OAuth(error, description) => {
                answer::json(StatusCode::BAD_REQUEST, &OAuthError { error, error_description: description.as_ref() })
            }
            Self::OAuthService(Error::Store(error)) if error.is_transient() => {
                log::log!(error.level(), "{error}");
                with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &OAuthError::new("temporarily_unavailable"))
            }
            Self::OAuthService(error @ Error::Stopping) => {
                log::warn!("{error}");
                let body = OAuthError { error: "temporarily_unavailable", error_description: &error.to_string() };
                with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &body)
            }
            Self::Service(error) | Self::OAuthService(error) => service_answer(error),
            Self::Overloaded => with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &Detail { detail: &self.to_string() }),
            Self::OAuthOverloaded => {
                with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &OAuthError::new("temporarily_unavailable"))
            }
        }
    }
}

fn service_answer(error: &Error) -> HttpResponse {
    match error {
        Error::NotAuthenticated(fault) => not_authenticated(*fault, &["Token".to_owned()]),
        Error::PermissionDenied => answer::detail(StatusCode::FORBIDDEN, &error.to_string()),
        Error::NotFound => answer::detail(StatusCode::NOT_FOUND, &error.to_string()),
        Error::Invalid(faults) => answer::json(StatusCode::BAD_REQUEST, &by_field(faults)),
        Error::LoginRefused(_) => {
            let sentence = json!({ Faults::NON_FIELD: [error.to_string()] });
            answer::json(StatusCode::BAD_REQUEST, &sentence)
        }
        Error::Conflict(sentence) => answer::detail(StatusCode::CONFLICT, sentence),
        Error::TokenLimit => answer::json(StatusCode::FORBIDDEN, &OAuthError::new(&error.to_string())),
        Error::Throttled(wait) => {
            let seconds = whole_seconds(*wait);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let sentence = format!("Request was throttled. Expected available in {seconds} {unit}.");
            with_retry(StatusCode::TOO_MANY_REQUESTS, seconds, &Detail { detail: &sentence })
        }
        Error::Busy => {
            log::warn!("{error}");
            let sentence = "Too many logins at once, try again later.";
            with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &Detail { detail: sentence })
        }
        // Sent again, the request may do more than wait.
        Error::Stopping => {
            log::warn!("{error}");
            answer::detail(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
        Error::UserChanging => {
            log::warn!("{error}");
            with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &Detail { detail: &error.to_string() })
        }
        Error::Store(error) if error.is_transient() => {
            log::log!(error.level(), "{error}");
            with_retry(StatusCode::SERVICE_UNAVAILABLE, 1, &Detail { detail: UNAVAILABLE })
        }
        Error::Store(error) => {
            log::error!("{error}");
            answer::detail(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR)
        }
    }
}

/// The status and the body of the answer to an error, for the OpenAPI document.
pub fn sample(error: &Error) -> (u16, Value) {
    let answer = service_answer(error);
    let status = answer.status().as_u16();
    let body = answer.into_body().try_into_bytes().expect("our bodies are in memory");
    (status, serde_json::from_slice(&body).expect("our answers are JSON"))
}

/// The faults by field, in DRF's form.
pub fn by_field(faults: &Faults) -> Value {
    let fields = faults.fields().iter().map(|(field, messages)| (field.clone(), json!(messages)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A wait in whole seconds, rounded up, for `Retry-After`.
pub const fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + (wait.subsec_nanos() > 0) as u64
}

fn not_authenticated(fault: AuthenticationFault, challenges: &[String]) -> HttpResponse {
    let mut refusal = answer::builder(StatusCode::UNAUTHORIZED);
    for challenge in challenges {
        refusal.append_header((WWW_AUTHENTICATE, challenge.as_str()));
    }
    refusal.body(answer::render(&Detail { detail: &fault.to_string() }, 0))
}

fn with_retry(status: StatusCode, seconds: u64, body: &impl Serialize) -> HttpResponse {
    answer::builder(status).insert_header((RETRY_AFTER, seconds.to_string())).body(answer::render(body, 0))
}
