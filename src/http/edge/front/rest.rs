//! What an answer that comes before the end of its request's body leaves of it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_http::{BoxedPayloadStream, Payload, Request};
use actix_web::web::Bytes;
use futures_util::stream::{Stream, poll_fn};

/// A body of at most this size, in bytes, is there with its head as a rule.
const SMALL: u64 = 2 * 1024;

/// Whether a body may not be there when its head is.
pub fn may_come_late(request: &Request) -> bool {
    request.head().headers().contains_key(TRANSFER_ENCODING)
        || content_length(request).is_none_or(|length| length > SMALL)
}

/// How long the head says that the body is, in bytes.
pub fn content_length(request: &Request) -> Option<u64> {
    request.head().headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The request with its body in two hands, and the other hand.
pub fn shared(mut request: Request) -> (Request, Rest) {
    let has_chunks = request.head().headers().contains_key(TRANSFER_ENCODING);
    let body = Rc::new(RefCell::new(Body { payload: request.take_payload(), has_ended: false }));
    let rest = Rest { body: Rc::clone(&body), has_chunks, read: 0, turns: 0 };
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

/// What an answer that came before the end of its request's body left of it.
pub struct Rest {
    body: Rc<RefCell<Body>>,
    has_chunks: bool,
    read: usize,
    /// How many were waited since something came last.
    turns: u8,
}

/// How much of it is read and thrown away, and how many turns it is waited for: what is on its way already, so that the
/// connection can go on.
const MAX_REST: usize = 128 * 1024;
const TURNS: u8 = 2;

impl Rest {
    /// Takes in what is there. Ready when all of it was, or no more is to be waited for.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut body = self.body.borrow_mut();
        while !body.has_ended && self.read < MAX_REST {
            match body.poll(cx) {
                Poll::Ready(Some(Ok(piece))) => (self.read, self.turns) = (self.read + piece.len(), 0),
                Poll::Ready(None) => {}
                Poll::Pending if self.turns < TURNS => {
                    self.turns += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(_))) | Poll::Pending => break,
            }
        }
        Poll::Ready(())
    }

    /// Whether actix would read on until its end, however long that is.
    pub fn is_cut_short(&self) -> bool {
        self.has_chunks && !self.body.borrow().has_ended
    }
}
