//! The unread part of a request's body, after an answer that was sent early.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_http::{BoxedPayloadStream, Payload, Request};
use actix_web::web::Bytes;
use futures_util::stream::{Stream, poll_fn};

/// A body of at most this size, in bytes, usually arrives together with its head.
const SMALL: u64 = 2 * 1024;

/// Whether a body may arrive later than its head.
pub fn may_arrive_later(request: &Request) -> bool {
    request.head().headers().contains_key(TRANSFER_ENCODING)
        || content_length(request).is_none_or(|length| length > SMALL)
}

/// How long the head says that the body is, in bytes.
pub fn content_length(request: &Request) -> Option<u64> {
    request.head().headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Shares the request's body: the request reads it, and [`BodyRest`] reads what the request left.
pub fn share_body(mut request: Request) -> (Request, BodyRest) {
    let has_chunks = request.head().headers().contains_key(TRANSFER_ENCODING);
    let body = Rc::new(RefCell::new(Body { payload: request.take_payload(), has_ended: false }));
    let rest = BodyRest { body: Rc::clone(&body), has_chunks, read: 0, pending_polls: 0 };
    let stream: BoxedPayloadStream = Box::pin(poll_fn(move |cx| body.borrow_mut().poll(cx)));
    (request.replace_payload(Payload::from(stream)).0, rest)
}

struct Body {
    payload: Payload,
    has_ended: bool,
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        self.has_ended |= matches!(polled, Poll::Ready(None));
        polled
    }
}

/// The unread part of a request's body.
pub struct BodyRest {
    body: Rc<RefCell<Body>>,
    has_chunks: bool,
    read: usize,
    /// How many polls were pending since the last bytes.
    pending_polls: u8,
}

/// How many bytes are discarded, and how many pending polls are allowed: enough for bytes that are on their way
/// already, so that the connection can be used again.
const MAX_UNREAD: usize = 128 * 1024;
const MAX_PENDING_POLLS: u8 = 2;

impl BodyRest {
    /// Reads and discards what has arrived. Ready at the end of the body, or when the limits are reached.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut body = self.body.borrow_mut();
        while !body.has_ended && self.read < MAX_UNREAD {
            match body.poll(cx) {
                Poll::Ready(Some(Ok(piece))) => (self.read, self.pending_polls) = (self.read + piece.len(), 0),
                Poll::Ready(None) => {}
                Poll::Pending if self.pending_polls < MAX_PENDING_POLLS => {
                    self.pending_polls += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(_))) | Poll::Pending => break,
            }
        }
        Poll::Ready(())
    }

    /// Whether a chunked body is left, which actix would read to its end, however long.
    pub fn has_unread_chunks(&self) -> bool {
        self.has_chunks && !self.body.borrow().has_ended
    }
}
