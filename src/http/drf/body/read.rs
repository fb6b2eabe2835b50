//! Reads bodies to the end, within limits of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::{self, Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use crate::http::budget::{Budget, Claim};
use crate::http::connection::Connection;
use crate::http::error::HttpError;
use crate::http::peer::client_address;
use crate::http::state::AppState;

/// The largest body of an ordinary route, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How much of a body that is too large is read and discarded, so that a client that is still sending sees the answer.
const MAX_DRAINED: usize = 4 * 1024 * 1024;

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes from a caller who is not authenticated yet. 503 if such bodies take too much
/// memory already ([`Budget`]).
pub async fn read(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    let claim = claim(request, |state| &state.bodies)?;
    read_in_time(request, payload, limit, claim).await
}

/// The same from a caller who sent credentials in the head.
pub async fn read_authenticated(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    let claim = claim(request, |state| &state.authenticated_bodies)?;
    read_in_time(request, payload, limit, claim).await
}

fn claim(request: &HttpRequest, budget: impl FnOnce(&AppState) -> &Budget) -> Result<Option<Claim>, HttpError> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else { return Ok(None) };
    budget(state).claim(client_address(request, state)).map(Some).ok_or(HttpError::Overloaded)
}

async fn read_in_time(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    claim: Option<Claim>,
) -> Result<Bytes, HttpError> {
    let connection = request.conn_data::<Arc<Connection>>();
    if let Some(connection) = connection {
        connection.start_waiting();
    }
    let read = actix_web::rt::time::timeout(BODY_TIMEOUT, read_whole(request, payload, limit, claim)).await;
    if let Some(connection) = connection {
        connection.stop_waiting();
    }
    match read {
        Ok(result) => result.and_then(|body| refuse_compressed(request, body)),
        Err(_) => Err(HttpError::Detail(StatusCode::REQUEST_TIMEOUT, "The request body took too long.".into())),
    }
}

async fn read_whole(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
    mut claim: Option<Claim>,
) -> Result<Bytes, HttpError> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let (mut body, mut size) = (BytesMut::new(), 0);
    if announced.is_some_and(|announced| announced > MAX_DRAINED) {
        return Err(too_large());
    }
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| HttpError::Detail(StatusCode::BAD_REQUEST, "The request body could not be read.".into()))?;
        size += chunk.len();
        if size > MAX_DRAINED {
            return Err(too_large());
        }
        if size > limit {
            body = BytesMut::new();
            continue;
        }
        body.extend_from_slice(&chunk);
        if claim.as_mut().is_some_and(|claim| !claim.grow(body.capacity())) {
            return Err(HttpError::Overloaded);
        }
    }
    if size > limit {
        return Err(too_large());
    }
    let body = body.freeze();
    Ok(match claim {
        Some(claim) if !body.is_empty() => claim.attach_to(body),
        _ => body,
    })
}

/// Refuses compressed bodies: they could unpack to any size.
fn refuse_compressed(request: &HttpRequest, body: Bytes) -> Result<Bytes, HttpError> {
    let codings = request.headers().get_all(CONTENT_ENCODING).flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    match codings.find(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        Some(coding) if !body.is_empty() => {
            let detail = format!("Unsupported content encoding \"{}\" in request.", String::from_utf8_lossy(coding));
            Err(HttpError::Detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => Ok(body),
    }
}

fn too_large() -> HttpError {
    HttpError::Detail(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.".into())
}
