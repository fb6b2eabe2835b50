//! A connection's bytes on their way between the socket and actix, with what actix lacks: who does not send its request or
//! does not read its answer is let go, and a request that cannot be read has an answer with a body.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::bare;
use super::closing::Closing;
use super::connections::Admitted;
use super::head::Head;
use crate::http::{Connection, refused};

/// How long clients are waited for, in ticks: a connection looks at the time once a tick while it waits, not at each byte.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub tick: Duration,
    /// For the first byte of the first request; later ones are actix's `keep_alive`.
    pub silent: u32,
    /// For a head, once it began.
    pub head: u32,
    /// For the other end to read what is written to it, a little at least.
    pub answer: u32,
}

/// What [`Wire`] must know of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub patience: Patience,
    pub is_https: bool,
}

impl Patience {
    /// As the contract has it: with the tick that is missed, less than 30 s.
    pub fn new(keep_alive: Duration) -> Self {
        let tick = Duration::from_secs(5);
        let silent = keep_alive.as_secs().div_ceil(tick.as_secs());
        Self { tick, silent: u32::try_from(silent).unwrap_or(u32::MAX), head: 4, answer: 4 }
    }
}

/// What must be read of an answer while [`Patience::answer`] lasts.
const LITTLE: usize = 4 * 1024;

/// Where actix says that an answer is the last, for whatever reason, and how far into what is written that is looked for.
const LAST: &[u8] = b"\r\nconnection: close\r\n";
const LOOKED_AT: usize = 1024;

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
    /// Ticks that passed while a write was stuck, and what went through meanwhile.
    stuck: Option<(u32, usize)>,
    closing: Option<Closing>,
    /// Whether an answer said that it is the last. What still comes is of a body that nobody wants, and not a head.
    is_ending: bool,
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
            stuck: None,
            closing: None,
            is_ending: false,
        }
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.admitted.connection
    }

    /// Whether a tick has passed; if not, this task is woken when it has.
    fn ticks(&mut self, cx: &mut Context<'_>) -> bool {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.terms.patience.tick)));
        if alarm.as_mut().poll(cx).is_pending() {
            return false;
        }
        let mut next = Box::pin(tokio::time::sleep(self.terms.patience.tick));
        let _registered = next.as_mut().poll(cx);
        self.alarm = Some(next);
        true
    }

    /// Forgets the head of a request that was handed on.
    fn look_for_a_new_request(&mut self) {
        let begun = self.connection().begun();
        if begun != self.begun {
            self.begun = begun;
            self.head.clear();
            self.admitted.holds(0);
            self.unasked = 0;
        }
    }

    /// Nothing comes: shall it be waited for?
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection().register(cx);
        let is_idle = self.connection().is_idle();
        if self.connection().is_leaving() && is_idle {
            return Poll::Ready(Ok(()));
        }
        if self.connection().is_leaving() && self.connection().waits_since().is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if !is_idle {
            return Poll::Pending;
        }
        self.look_for_a_new_request();
        let limit = match (self.head.is_empty() && !self.is_ending, self.begun) {
            (false, _) => self.terms.patience.head,
            (true, 0) => self.terms.patience.silent,
            (true, _) => return Poll::Pending,
        };
        if self.ticks(cx) {
            self.unasked += 1;
        }
        if self.unasked <= limit {
            return Poll::Pending;
        }
        if self.stuck.is_some() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if !self.head.is_empty() && !self.is_ending {
            self.close_with(StatusCode::REQUEST_TIMEOUT);
        }
        self.poll_closing(cx).map(Ok)
    }

    /// From now on there is nothing but this answer, in the place of one by actix.
    fn close_with(&mut self, status: StatusCode) {
        let (answer, id) = refused(status, self.head.beginning(), self.terms.is_https);
        log::info!(request_id = id.as_str(), status = status.as_u16(); "a request was refused unread");
        self.closing = Some(Closing::with(answer));
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.closing.as_mut().map_or(Poll::Ready(()), |closing| closing.poll(&mut self.stream, cx))
    }

    /// A write that does not go through: shall it be waited for?
    fn poll_stuck<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.connection().register(cx);
        if self.connection().waits_since().is_none() {
            self.connection().wait();
        }
        if self.connection().is_leaving() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let (ticks, through) = self.stuck.unwrap_or_default();
        let ticks = ticks + u32::from(self.ticks(cx));
        self.stuck = Some((ticks, through));
        let limit = if self.admitted.is_stopping() { 1 } else { self.terms.patience.answer };
        if ticks > limit {
            log::debug!("a client that does not read its answer is let go");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// So much went through; `is_all` when nothing is left.
    fn went_through(&mut self, size: usize, is_all: bool) {
        let Some((_, through)) = &mut self.stuck else { return };
        *through += size;
        if is_all || *through >= LITTLE {
            self.stuck = None;
            if !self.connection().is_idle() {
                self.connection().go_on();
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_some() {
            return self.poll_closing(cx).map(Ok);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => self.poll_silence(cx),
            Poll::Ready(result) => {
                let read = &mut buffer.filled_mut()[before..];
                if !read.is_empty() && self.connection().is_idle() && !self.is_ending {
                    self.look_for_a_new_request();
                    if self.head.is_empty() {
                        self.unasked = 0;
                    }
                    self.head.take(read);
                    let excess = self.head.excess();
                    let refusal = if self.head.is_too_large() {
                        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
                    } else if !self.admitted.holds(excess) {
                        Some(StatusCode::SERVICE_UNAVAILABLE)
                    } else {
                        None
                    };
                    if let Some(status) = refusal {
                        buffer.set_filled(before);
                        self.close_with(status);
                        return self.poll_closing(cx).map(Ok);
                    }
                }
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut part = bytes;
        if let Some((start, status)) = bare::find(bytes) {
            part = &bytes[..start];
            if start == 0 {
                if self.closing.is_none() {
                    self.look_for_a_new_request();
                    self.close_with(status);
                }
                ready!(self.poll_closing(cx));
                return Poll::Ready(Ok(bytes.len()));
            }
        }
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
            ready => {
                self.went_through(0, true);
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.poll_stuck(cx),
            ready => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};

    use tokio::net::UnixStream;

    use super::super::connections::Connections;
    use super::*;

    /// A connection whose clients are waited for no longer than a moment, and the client's end.
    fn pair() -> (Wire<UnixStream>, std::os::unix::net::UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let patience = Patience { tick: Duration::from_millis(20), silent: 2, head: 2, answer: 2 };
        let theirs = theirs.into_std().unwrap();
        theirs.set_nonblocking(false).unwrap();
        let admitted = Connections::new(1).admit().unwrap();
        (Wire::new(ours, admitted, Terms { patience, is_https: false }), theirs)
    }

    async fn read(wire: &mut Wire<UnixStream>) -> io::Result<Vec<u8>> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *wire).poll_read(cx, &mut buffer)).await?;
        Ok(buffer.filled().to_vec())
    }

    async fn write(wire: &mut Wire<UnixStream>, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *wire).poll_write(cx, bytes)).await
    }

    #[actix_rt::test]
    async fn who_is_silent_is_let_go_and_who_is_slow_is_told() {
        let (mut wire, mut client) = pair();
        assert_eq!(read(&mut wire).await.unwrap(), b"", "the end");
        drop(wire);
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 0, "without a word");

        let (mut late, mut client) = pair();
        for piece in ["G", "ET"] {
            // More ticks than a head may take, before it and not in it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.write_all(piece.as_bytes()).unwrap();
            assert_eq!(read(&mut late).await.unwrap(), piece.as_bytes());
        }

        let (mut slow, mut told) = pair();
        told.write_all(b"G").unwrap();
        assert_eq!(read(&mut slow).await.unwrap(), b"G");
        assert_eq!(read(&mut slow).await.unwrap(), b"", "the end, after the answer");
        let mut answer = [0; 28];
        told.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408 Request Timeout");
    }

    #[actix_rt::test]
    async fn a_request_under_way_is_waited_for_and_its_answer_only_while_somebody_reads() {
        let (mut wire, mut client) = pair();
        let under_way = wire.connection().begin();
        let silence = tokio::time::timeout(Duration::from_millis(300), read(&mut wire)).await;
        assert!(silence.is_err(), "its client waits, not we");
        let large = [b'x'; 4096];
        let error = loop {
            if let Err(error) = write(&mut wire, &large).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 16);
        drop(under_way);
    }

    #[actix_rt::test]
    async fn who_is_let_go_while_idle_ends_and_while_busy_is_answered() {
        let (mut wire, _client) = pair();
        wire.connection().let_go();
        assert_eq!(read(&mut wire).await.unwrap(), b"");
        let (mut wire, mut client) = pair();
        let under_way = wire.connection().begin();
        wire.connection().let_go();
        assert!(under_way.is_last());
        assert_eq!(write(&mut wire, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap(), 19);
        client.read_exact(&mut [0; 19]).unwrap();
        wire.connection().wait();
        assert_eq!(
            read(&mut wire).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionAborted,
            "it reads its body no more"
        );
    }
}
