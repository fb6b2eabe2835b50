//! The body of a request to an OAuth endpoint. Its parameters may contain the caller's credentials.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Payload};

use super::{OAuthCaller, Parameters, authenticate, require_introspector};
use crate::http::caller::Credentials;
use crate::http::drf::body;
use crate::http::endpoint::Incoming;
use crate::http::error::HttpError;
use crate::http::state::AppState;

/// A body, and who sent it.
pub struct SentBody {
    /// The body.
    pub body: Bytes,
    /// The caller whose credentials are in the head; `None` if the head has none.
    pub in_head: Option<OAuthCaller>,
}

impl SentBody {
    /// Reads a body. Credentials in the head are checked before.
    ///
    /// # Errors
    /// Those of [`authenticate`], and of reading a body.
    pub async fn of(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::if_allowed(incoming, |_| Ok(())).await
    }

    /// As [`SentBody::of`], for a caller who must be allowed to introspect.
    ///
    /// # Errors
    /// Those of [`authenticate`] and of [`require_introspector`], and of reading a body.
    pub async fn of_introspector(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::if_allowed(incoming, |caller| require_introspector(caller).map(drop)).await
    }

    async fn if_allowed(
        incoming: &mut Incoming,
        require: impl Fn(&OAuthCaller) -> Result<(), HttpError>,
    ) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let request = &incoming.request;
        let in_head = caller_in_head(request, incoming.state()).await?;
        in_head.as_ref().map(require).transpose()?;
        let body = read(request, payload, incoming.body_limit, in_head.is_some()).await?;
        Ok(Self { body, in_head })
    }
}

/// The caller whose credentials are in the head, if it has any.
async fn caller_in_head(request: &HttpRequest, state: &AppState) -> Result<Option<OAuthCaller>, HttpError> {
    match Credentials::in_authorization(request.headers(), &state.options) {
        Credentials::None | Credentials::OtherScheme => Ok(None),
        Credentials::Key(_) | Credentials::Refused(_) | Credentials::Basic(_) => {
            authenticate(request, &Parameters::default(), state).await.map(Some)
        }
    }
}

/// The caller of a request whose body has been read. Credentials in the head are not checked again, unless the
/// parameters have some, too.
///
/// # Errors
/// As [`authenticate`].
pub async fn caller(
    in_head: Option<OAuthCaller>,
    request: &HttpRequest,
    parameters: &Parameters,
    state: &AppState,
) -> Result<OAuthCaller, HttpError> {
    let in_parameters = ["client_id", "client_secret"].iter().any(|name| parameters.get(name).is_some());
    match in_head {
        Some(caller) if !in_parameters => Ok(caller),
        Some(_) | None => authenticate(request, parameters, state).await,
    }
}

async fn read(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    is_authenticated: bool,
) -> Result<Bytes, HttpError> {
    let read = if is_authenticated {
        body::read_authenticated(request, payload, limit).await
    } else {
        body::read(request, payload, limit).await
    };
    read.map_err(|error| if matches!(error, HttpError::Overloaded) { HttpError::OAuthOverloaded } else { error })
}
