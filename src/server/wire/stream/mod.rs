//! A connection's bytes on their way between the socket and actix, with what actix lacks: who does not send its request or
//! does not read its answer is let go, and a request that cannot be read has an answer with a body. actix is handed one
//! request at a time: what comes behind it waits here, and is read no further, until the answer is written.

#[cfg(test)]
mod tests;
mod waiting;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::http::StatusCode;
use actix_web::web::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::bare;
use super::body::Body;
use super::closing::Closing;
use super::connections::Admitted;
use super::head::{Head, MAX_KEPT};
use crate::http::{Connection, refused};
pub use waiting::Patience;

/// What [`Wire`] must know of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub patience: Patience,
    pub is_https: bool,
}

/// Where actix says that an answer is the last, for whatever reason, and how far into what is written that is looked for.
const LAST: &[u8] = b"\r\nconnection: close\r\n";
const LOOKED_AT: usize = 1024;

/// What actix is handed before it looks at it. It has room for 8 KiB and takes more when less than 1 KiB is left, and what it
/// takes it keeps for as long as the connection lasts.
const PIECE: usize = 7 * 1024;

/// A connection's bytes.
pub struct Wire<S> {
    stream: S,
    admitted: Admitted,
    terms: Terms,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Ticks that passed while the client had nothing to wait for and sent no whole head.
    unasked: u32,
    /// How many requests had begun when what follows did.
    begun: u32,
    /// What has come of the next one.
    head: Head,
    /// What is still to come of its body, once the head was handed on whole.
    body: Option<Body>,
    /// What was handed on since actix last looked at it.
    handed: usize,
    /// What came behind it.
    later: BytesMut,
    /// Whether something is written that has not left yet.
    is_writing: bool,
    /// Ticks that passed while a write was stuck, and what went through meanwhile.
    stuck: Option<(u32, usize)>,
    closing: Option<Closing>,
    /// Whether an answer said that it is the last. What still comes is of a body that nobody wants, and not a head.
    is_ending: bool,
    /// Whether something was thrown away that came behind it.
    has_discarded: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S, admitted: Admitted, terms: Terms) -> Self {
        Self {
            stream,
            admitted,
            terms,
            alarm: None,
            unasked: 0,
            begun: 0,
            head: Head::default(),
            body: None,
            handed: 0,
            later: BytesMut::new(),
            is_writing: false,
            stuck: None,
            closing: None,
            is_ending: false,
            has_discarded: false,
        }
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.admitted.connection
    }

    /// Whether the request whose head came last was handed on to be answered.
    fn has_begun(&self) -> bool {
        self.connection().begun() != self.begun
    }

    /// Whether all of a request was handed on.
    fn is_read(&self) -> bool {
        self.body.is_some_and(Body::has_ended)
    }

    /// Forgets a request that was answered, and lets another come. Whether it does so now.
    fn look_for_a_new_request(&mut self) -> bool {
        let is_under_way = !self.connection().is_idle() || self.is_writing || (self.body.is_some() && !self.is_read());
        if !self.has_begun() || is_under_way || self.is_ending {
            return false;
        }
        self.begun = self.connection().begun();
        self.head.clear();
        self.body = None;
        self.unasked = 0;
        self.holds();
        true
    }

    /// Takes note of what is held for what was not asked yet. False: there is no room for so much.
    fn holds(&mut self) -> bool {
        self.admitted.holds(self.head.excess() + self.later.len().saturating_sub(MAX_KEPT))
    }

    /// How much of what came, or waited, is of the request that is being read.
    fn take(&mut self, bytes: &mut [u8]) -> usize {
        let mut end = 0;
        if self.body.is_none() {
            if self.head.is_empty() {
                self.unasked = 0;
            }
            end = self.head.take(bytes);
            self.body = self.head.body();
        }
        end + self.body.as_mut().map_or(0, |body| body.take(&bytes[end..]))
    }

    /// While a request is under way a little is read of what follows, so that the end of the connection is seen.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while self.later.is_empty() {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(end) => return Poll::Ready(end),
                Poll::Pending => break,
            }
            if self.is_ending {
                self.has_discarded = true;
            } else {
                self.later.extend_from_slice(&buffer.filled()[before..]);
                self.holds();
            }
            buffer.set_filled(before);
        }
        self.poll_silence(cx)
    }

    /// From now on there is nothing but this answer, in the place of one by actix.
    fn close_with(&mut self, status: StatusCode) {
        let (answer, id) = refused(status, self.head.beginning(), self.terms.is_https);
        log::info!(request_id = id.as_str(), status = status.as_u16(); "a request was refused unread");
        self.closing = Some(Closing::with(answer));
        self.later = BytesMut::new();
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.closing.as_mut().map_or(Poll::Ready(()), |closing| closing.poll(&mut self.stream, cx))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_some() {
            return self.poll_closing(cx).map(Ok);
        }
        self.look_for_a_new_request();
        if self.handed >= PIECE {
            self.handed = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.is_read() {
            return self.poll_ahead(cx, buffer);
        }
        let before = buffer.filled().len();
        let has_waited = !self.later.is_empty();
        if has_waited {
            let size = self.later.len().min(buffer.remaining()).min(PIECE - self.handed);
            buffer.put_slice(&self.later[..size]);
        } else {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Pending => return self.poll_silence(cx),
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(end) => return Poll::Ready(end),
            }
        }
        let is_head = self.body.is_none();
        let came = &mut buffer.filled_mut()[before..];
        let size = came.len().min(PIECE - self.handed);
        let end = before + self.take(&mut came[..size]);
        if has_waited {
            drop(self.later.split_to(end - before));
            if self.later.is_empty() {
                self.later = BytesMut::new();
            }
        } else {
            self.later.extend_from_slice(&buffer.filled()[end..]);
        }
        buffer.set_filled(end);
        self.handed += end - before;
        let has_room = self.holds();
        let refusal = if is_head && self.head.is_too_large() {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else if self.body.is_none() && !has_room {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            return Poll::Ready(Ok(()));
        };
        buffer.set_filled(before);
        self.close_with(refusal);
        self.poll_closing(cx).map(Ok)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut part = bytes;
        if let Some((start, status)) = bare::find(bytes) {
            part = &bytes[..start];
            if start == 0 {
                if self.closing.is_none() && self.is_ending {
                    // Nothing is said behind what was the last.
                    self.closing = Some(Closing::with(Vec::new()));
                } else if self.closing.is_none() {
                    if self.has_begun() && !self.look_for_a_new_request() {
                        self.head.clear();
                    }
                    self.close_with(status);
                }
                ready!(self.poll_closing(cx));
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        self.is_writing = true;
        self.is_ending |= memchr::memmem::find(&part[..part.len().min(LOOKED_AT)], LAST).is_some();
        match Pin::new(&mut self.stream).poll_write(cx, part) {
            Poll::Pending => self.poll_stuck(cx),
            Poll::Ready(result) => {
                if let Ok(size) = result {
                    self.went_through(size, size == bytes.len());
                }
                Poll::Ready(result)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.poll_stuck(cx),
            Poll::Ready(result) => {
                self.went_through(0, true);
                self.is_writing = false;
                if self.look_for_a_new_request() && !self.later.is_empty() {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(result)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() && (self.has_discarded || !self.later.is_empty()) {
            self.closing = Some(Closing::with(Vec::new()));
        }
        if self.closing.is_some() {
            ready!(self.poll_closing(cx));
        }
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.poll_stuck(cx),
            Poll::Ready(result) => Poll::Ready(result),
        }
    }
}
