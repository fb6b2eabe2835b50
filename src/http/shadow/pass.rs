//! Passes a request on to Django, and its answer back.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};

use super::job::Job;
use super::{Header, ShadowState, all, forwarded, latin1, with_address};
use crate::domain::shadow::{About, Answer};
use crate::http::answer;
use crate::http::caller::Credentials;
use crate::http::drf::body::MAX_BODY;
use crate::upstream::{Outgoing, Pieces};

/// The largest answer that is compared, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What the client hears when Django does not answer.
const BAD_GATEWAY: &str = "The upstream does not answer.";

/// Passes on a request. It is put into the queue for jeton before the client gets the end of Django's answer, so
/// whatever the client sends next comes later in that queue.
pub async fn pass(request: HttpRequest, payload: Payload, state: Data<ShadowState>) -> HttpResponse {
    let about = state.paths.about(request.method(), request.path());
    let copy = Rc::new(RefCell::new(BytesMut::new()));
    let is_copied = about.is_some_and(|about| about != About::Check);
    let outgoing = outgoing(&request, payload, is_copied.then(|| Rc::clone(&copy)));
    let mut received = match state.upstream.send(outgoing).await {
        Ok(received) => received,
        Err(error) => return bad_gateway(&state, &error),
    };
    let Ok(status) = StatusCode::from_u16(received.status) else {
        return bad_gateway(&state, &io::Error::other("its status is not a valid number"));
    };
    let head = Head { status, headers: received.headers, has_no_body: request.method() == Method::HEAD };
    let about = about.filter(|about| *about != About::Check || is_check(&request, &head, &state));
    let mut start = Start { read: Bytes::new(), is_whole: false };
    if about.is_some_and(|about| about != About::Check || status == StatusCode::UNAUTHORIZED) {
        start = match Start::of(&mut received.body).await {
            Ok(start) => start,
            Err(error) => return bad_gateway(&state, &error),
        };
    }
    state.report.passed();
    if let Some(about) = about {
        let is_compared = start.is_whole && head.value("content-encoding").is_none();
        let django = head.answer(is_compared.then(|| start.read.to_vec()));
        let body = copy.take().freeze();
        let job = Job::new(about, &request, (body.len() <= MAX_BODY).then_some(body), django, &state);
        if state.jobs.try_send(Some(job)).is_err() {
            state.report.skipped();
        }
    }
    head.response(start, received.body)
}

fn bad_gateway(state: &ShadowState, why: &io::Error) -> HttpResponse {
    state.report.bad_gateway();
    log::warn!("shadow: {} does not answer: {why}", state.url);
    answer::detail(StatusCode::BAD_GATEWAY, BAD_GATEWAY)
}

/// The request as it came: with a body of a known length, in chunks, or none. `copy` gets the body's start.
fn outgoing(request: &HttpRequest, payload: Payload, copy: Option<Rc<RefCell<BytesMut>>>) -> Outgoing {
    let copied = payload.map(move |chunk| {
        if let (Some(copy), Ok(chunk)) = (&copy, &chunk) {
            let mut copy = copy.borrow_mut();
            // One byte more than jeton takes says that it is too long.
            let room = (MAX_BODY + 1).saturating_sub(copy.len());
            copy.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        chunk.map_err(io::Error::other)
    });
    let mut headers = with_address(forwarded(&all(request.headers())), request);
    let length = request.headers().get(CONTENT_LENGTH).map(|length| length.as_bytes().to_vec());
    let has_body = if request.headers().contains_key(TRANSFER_ENCODING) {
        headers.push((TRANSFER_ENCODING.to_string(), b"chunked".to_vec()));
        true
    } else if let Some(length) = length {
        headers.push((CONTENT_LENGTH.to_string(), length));
        true
    } else {
        false
    };
    Outgoing {
        method: request.method().to_string(),
        target: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers,
        body: has_body.then(|| copied.boxed_local()),
    }
}

/// Whether the request is to be compared as a check: it has a token, or Django refused it because it has none. It is not
/// if Django refused it because of other credentials than a token.
fn is_check(request: &HttpRequest, head: &Head, state: &ShadowState) -> bool {
    let is_ours = |keyword: &str| state.options.auth_keywords.iter().any(|known| known.eq_ignore_ascii_case(keyword));
    match Credentials::in_authorization(request.headers(), &state.options) {
        Credentials::Key(_) | Credentials::Refused(_) => true,
        Credentials::None | Credentials::OtherScheme | Credentials::Basic(_) => {
            let challenge = head.value("www-authenticate");
            let keyword = challenge.as_deref().and_then(|challenge| challenge.split([' ', ',']).next());
            head.status == StatusCode::UNAUTHORIZED && keyword.is_none_or(is_ours)
        }
    }
}

/// The start of an answer's body.
struct Start {
    read: Bytes,
    is_whole: bool,
}

impl Start {
    async fn of(body: &mut Pieces) -> io::Result<Self> {
        let mut read = BytesMut::new();
        while read.len() <= MAX_ANSWER {
            match body.next().await {
                Some(piece) => read.extend_from_slice(&piece?),
                None => return Ok(Self { read: read.freeze(), is_whole: true }),
            }
        }
        Ok(Self { read: read.freeze(), is_whole: false })
    }
}

/// The head of Django's answer.
struct Head {
    status: StatusCode,
    headers: Vec<Header>,
    has_no_body: bool,
}

impl Head {
    fn value(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| latin1(value))
    }

    fn answer(&self, body: Option<Vec<u8>>) -> Answer {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), latin1(value))).collect();
        Answer { status: self.status.as_u16(), headers, body }
    }

    fn response(self, start: Start, rest: Pieces) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in forwarded(&self.headers) {
            response.append_header((name, value));
        }
        let length = self.value(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
        // The answer to HEAD has the length that the one to GET would have.
        let body = if self.has_no_body {
            stream::empty().boxed_local()
        } else {
            let start_piece = (!start.read.is_empty()).then_some(Ok(start.read));
            stream::iter(start_piece).chain(rest).boxed_local()
        };
        match length {
            // A 304 may have the length of the body that it leaves out.
            _ if is_without_body(self.status) => response.finish(),
            Some(0) => response.finish(),
            Some(length) => response.body(SizedStream::new(length, body)),
            None => response.body(BodyStream::new(body)),
        }
    }
}

fn is_without_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
