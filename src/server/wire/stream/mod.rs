//! A connection's stream between the socket and actix. It adds what actix lacks: time limits for clients that do not
//! send their request or do not read their answer, and an answer with a body to a request that cannot be read. actix
//! gets one request at a time. Bytes after it wait here, and no more are read, until the answer is written.

#[cfg(test)]
mod tests;
mod timeouts;

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
pub use timeouts::ClientTimeouts;

/// What [`Wire`] must know of its connection.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    pub timeouts: ClientTimeouts,
    pub is_https: bool,
}

/// The header by which actix marks the last answer, and how many bytes of each write are searched for it.
const LAST: &[u8] = b"\r\nconnection: close\r\n";
const SEARCHED: usize = 1024;

/// How many bytes actix gets before it parses them. Its buffer has room for 8 KiB, grows when less than 1 KiB is left,
/// and keeps its size for as long as the connection lasts.
const PIECE: usize = 7 * 1024;

/// The stream of one connection, as actix reads and writes it.
pub struct Wire<S> {
    stream: S,
    admitted: Admitted,
    options: StreamOptions,
    /// Wakes the task at the next tick, once it is needed: see `timeouts.rs`.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Ticks that passed while no request was in progress and the client had not sent a complete head.
    idle_ticks: u32,
    /// How many requests had started when the current head arrived.
    requests_begun: u32,
    /// The head of the current request, as far as it has arrived.
    head: Head,
    /// What is left of its body, once the head is complete.
    body: Option<Body>,
    /// How many bytes actix got since it last parsed.
    unparsed: usize,
    /// Bytes after the current request.
    pending: BytesMut,
    /// Whether written bytes are not flushed yet.
    is_writing: bool,
    /// While a write is blocked: the ticks that passed, and the bytes written meanwhile.
    blocked: Option<(u32, usize)>,
    closing: Option<Closing>,
    /// Whether the last answer was written. What still arrives belongs to an unread body and is no new head.
    is_ending: bool,
    /// Whether bytes after the last request were discarded.
    has_discarded: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S, admitted: Admitted, options: StreamOptions) -> Self {
        Self {
            stream,
            admitted,
            options,
            alarm: None,
            idle_ticks: 0,
            requests_begun: 0,
            head: Head::default(),
            body: None,
            unparsed: 0,
            pending: BytesMut::new(),
            is_writing: false,
            blocked: None,
            closing: None,
            is_ending: false,
            has_discarded: false,
        }
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.admitted.connection
    }

    /// Whether the current request was passed to the application.
    fn has_begun(&self) -> bool {
        self.connection().requests_begun() != self.requests_begun
    }

    /// Whether the whole current request was passed to actix.
    fn is_fully_read(&self) -> bool {
        self.body.is_some_and(Body::has_ended)
    }

    /// Starts over for the next request if the current one is answered. Returns whether it did.
    fn start_next_request(&mut self) -> bool {
        let is_under_way =
            !self.connection().is_idle() || self.is_writing || (self.body.is_some() && !self.is_fully_read());
        if !self.has_begun() || is_under_way || self.is_ending {
            return false;
        }
        self.requests_begun = self.connection().requests_begun();
        self.head.clear();
        self.body = None;
        self.idle_ticks = 0;
        self.reserve();
        true
    }

    /// Counts the bytes held for requests that have not started. False if there is no room for them.
    fn reserve(&mut self) -> bool {
        self.admitted.reserve(self.head.excess() + self.pending.len().saturating_sub(MAX_KEPT))
    }

    /// How many of these bytes belong to the current request.
    fn take(&mut self, bytes: &mut [u8]) -> usize {
        let mut end = 0;
        if self.body.is_none() {
            if self.head.is_empty() {
                self.idle_ticks = 0;
            }
            end = self.head.take(bytes);
            self.body = self.head.body();
        }
        end + self.body.as_mut().map_or(0, |body| body.take(&bytes[end..]))
    }

    /// Reads a little ahead while a request is in progress, to notice when the client closes the connection.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while self.pending.is_empty() {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(end) => return Poll::Ready(end),
                Poll::Pending => break,
            }
            if self.is_ending {
                self.has_discarded = true;
            } else {
                self.pending.extend_from_slice(&buffer.filled()[before..]);
                self.reserve();
            }
            buffer.set_filled(before);
        }
        self.poll_without_bytes(cx)
    }

    /// Ends the connection with this answer, in place of actix's.
    fn close_with(&mut self, status: StatusCode) {
        let (answer, id) = refused(status, self.head.beginning(), self.options.is_https);
        log::info!(request_id = id.as_str(), status = status.as_u16(); "refused a request that could not be read");
        self.closing = Some(Closing::with(answer));
        self.pending = BytesMut::new();
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
        self.start_next_request();
        if self.unparsed >= PIECE {
            // actix parses what it has, and then reads again.
            self.unparsed = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.is_fully_read() {
            return self.poll_ahead(cx, buffer);
        }
        let before = buffer.filled().len();
        let has_waited = !self.pending.is_empty();
        if has_waited {
            let size = self.pending.len().min(buffer.remaining()).min(PIECE - self.unparsed);
            buffer.put_slice(&self.pending[..size]);
        } else {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Pending => return self.poll_without_bytes(cx),
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(end) => return Poll::Ready(end),
            }
        }
        let is_head = self.body.is_none();
        let came = &mut buffer.filled_mut()[before..];
        let size = came.len().min(PIECE - self.unparsed);
        let end = before + self.take(&mut came[..size]);
        if has_waited {
            drop(self.pending.split_to(end - before));
            if self.pending.is_empty() {
                self.pending = BytesMut::new();
            }
        } else {
            self.pending.extend_from_slice(&buffer.filled()[end..]);
        }
        buffer.set_filled(end);
        self.unparsed += end - before;
        let has_room = self.reserve();
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
                    // No answer may follow the last one.
                    self.closing = Some(Closing::with(Vec::new()));
                } else if self.closing.is_none() {
                    if self.has_begun() && !self.start_next_request() {
                        // The head is that of an earlier request, not of the one that actix could not read.
                        self.head.clear();
                    }
                    self.close_with(status);
                }
                ready!(self.poll_closing(cx));
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        self.is_writing = true;
        self.is_ending |= memchr::memmem::find(&part[..part.len().min(SEARCHED)], LAST).is_some();
        match Pin::new(&mut self.stream).poll_write(cx, part) {
            Poll::Pending => self.poll_blocked(cx),
            Poll::Ready(result) => {
                if let Ok(size) = result {
                    self.note_progress(size, size == bytes.len());
                }
                Poll::Ready(result)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.poll_blocked(cx),
            Poll::Ready(result) => {
                self.note_progress(0, true);
                self.is_writing = false;
                if self.start_next_request() && !self.pending.is_empty() {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(result)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() && (self.has_discarded || !self.pending.is_empty()) {
            self.closing = Some(Closing::with(Vec::new()));
        }
        if self.closing.is_some() {
            ready!(self.poll_closing(cx));
        }
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.poll_blocked(cx),
            Poll::Ready(result) => Poll::Ready(result),
        }
    }
}
