//! What a handler is: a function whose parameters are extracted from the request, in their order. The first one is the
//! caller, so nothing else of a request is read before the caller is known.

use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::access::Access;
use super::operation::Operation;
use crate::http::answer;
use crate::http::caller::challenge;
use crate::http::drf::fields::boolean;
use crate::http::drf::query::Query;
use crate::http::error::{Answered, HttpError};
use crate::http::state::State;
use crate::service::Error;

/// A request on its way to its handler.
pub struct Incoming {
    /// Its head.
    pub request: HttpRequest,
    /// The largest body that the endpoint accepts, in bytes.
    pub body_limit: usize,
    payload: Option<web::Payload>,
}

/// Whether the answer waits for the revocation bound (`service/node/revocation_bound.rs`). From then on no node, and nobody who follows `/changes`,
/// calls a token active that the request has revoked; only a node that cannot reach its database may do so, for
/// `JETON_STALE_IF_ERROR` longer. Any value but "false" and the like asks for it, because waiting only delays the
/// answer.
fn waits(request: &HttpRequest) -> bool {
    let query = Query::of(request);
    let text = query.get("wait");
    !text.is_empty() && boolean(text) != Some(false)
}

impl Incoming {
    /// What every handler may use.
    pub fn state(&self) -> &State {
        self.request.app_data().expect("every application has its state")
    }

    /// The body, for the one extractor that reads it.
    pub fn payload(&mut self) -> web::Payload {
        self.payload.take().expect("one parameter reads the body")
    }
}

/// The type of a handler's parameter: it is extracted from the request.
pub trait Extractor: Sized {
    /// Adds to an operation what this needs from a request, and how it refuses one.
    fn describe(operation: Operation) -> Operation {
        operation
    }

    /// Extracts it from a request, or refuses the request.
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError>;
}

/// The type of a handler's first parameter: the caller.
pub trait MayCall: Extractor {
    /// Who may call the endpoint.
    const ACCESS: Access;
}

/// A function that answers requests; `Parts` are its parameters.
pub trait Handler<Parts>: Copy + 'static {
    /// Who may call it.
    const ACCESS: Access;

    /// Adds to an operation what the parameters say about it.
    fn describe(operation: Operation) -> Operation;

    /// Answers a request.
    async fn answer(self, incoming: Incoming) -> Answered;
}

/// What a handler returns.
pub trait Answer {
    /// The answer, or the refusal.
    fn answered(self) -> Answered;
}

impl Answer for HttpResponse {
    fn answered(self) -> Answered {
        Ok(self)
    }
}

impl Answer for Answered {
    fn answered(self) -> Answered {
        self
    }
}

macro_rules! handler {
    ($($part:ident)*) => {
        impl<F, Answering, Caller, $($part),*> Handler<(Caller, $($part,)*)> for F
        where
            F: Fn(Caller, $($part),*) -> Answering + Copy + 'static,
            Answering: Future<Output: Answer>,
            Caller: MayCall,
            $($part: Extractor,)*
        {
            const ACCESS: Access = Caller::ACCESS;

            fn describe(operation: Operation) -> Operation {
                let operation = Caller::describe(Self::ACCESS.describe(operation));
                $(let operation = $part::describe(operation);)*
                operation
            }

            async fn answer(self, mut incoming: Incoming) -> Answered {
                let caller = Caller::take(&mut incoming).await?;
                $(#[expect(non_snake_case, reason = "a parameter has the name of its type")]
                let $part = $part::take(&mut incoming).await?;)*
                self(caller, $($part),*).await.answered()
            }
        }
    };
}

handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);

/// A handler of any type, so that the code that calls it is compiled only once.
pub type AnyHandler = Rc<dyn Fn(Incoming) -> LocalBoxFuture<'static, Answered>>;

/// Serves a request with a handler.
pub async fn serve(handler: AnyHandler, rules: Rules, request: HttpRequest, payload: web::Payload) -> Answered {
    let original = request.clone();
    let waits = rules.revokes && waits(&request);
    let incoming = Incoming { request, body_limit: rules.body_limit, payload: Some(payload) };
    let mut answer = handler(incoming).await.map_err(|error| {
        let state = original.app_data::<State>().expect("every application has its state");
        error.challenged_by(challenge(state))
    })?;
    if waits && answer.status().is_success() {
        let state = original.app_data::<State>().expect("every application has its state");
        if let Err(error) = state.service.node.wait_until_known().await {
            return if rules.secret_status == Some(answer.status().as_u16()) {
                Ok(cut_short(answer, &error))
            } else if rules.refuses_as_oauth {
                Err(HttpError::OAuthService(error))
            } else {
                Err(HttpError::Service(error))
            };
        }
    }
    // A handler may answer other methods of its path too. `HEAD` is served where `GET` is.
    let asked = if *original.method() == Method::HEAD { &Method::GET } else { original.method() };
    if *asked == rules.method && rules.secret_status == Some(answer.status().as_u16()) {
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(answer)
}

/// The refusal after a change whose secret is shown only here: with the members of the answer.
fn cut_short(answer: HttpResponse, error: &Error) -> HttpResponse {
    log::warn!("{error}");
    let mut members = Map::new();
    members.insert("detail".into(), error.to_string().into());
    let made = answer.into_body().try_into_bytes().ok().and_then(|body| serde_json::from_slice(&body).ok());
    members.extend::<Map<String, Value>>(made.unwrap_or_default());
    let mut refusal = answer::json(StatusCode::SERVICE_UNAVAILABLE, &members);
    refusal.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    refusal
}

/// What an endpoint says about its requests and answers.
#[derive(Clone)]
pub struct Rules {
    /// Its method.
    pub method: Method,
    /// Whether it may revoke tokens, and so takes `wait`.
    pub revokes: bool,
    /// Whether it refuses in OAuth's form.
    pub refuses_as_oauth: bool,
    /// The largest body that it accepts, in bytes.
    pub body_limit: usize,
    /// The status of the answer that holds a secret, and so has `no-store`.
    pub secret_status: Option<u16>,
}
