//! A connection's bytes on their way between the socket and actix, with what actix lacks: who does not send its request or
//! does not read its answer is let go, and a request that cannot be read has an answer with a body. actix is handed one
//! request at a time: what comes behind it waits here, and is read no further, until the answer is written.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

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
    /// What is still to come of its body, once the head was handed on whole.
    body: Option<Body>,
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
        if self.is_read() && self.has_begun() && !self.is_ending {
            return Poll::Pending; // its answer is being written
        }
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
        if !self.head.is_empty() && !self.has_begun() && !self.is_ending {
            self.close_with(StatusCode::REQUEST_TIMEOUT);
        }
        self.poll_closing(cx).map(Ok)
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
        self.look_for_a_new_request();
        if self.is_read() {
            return self.poll_ahead(cx, buffer);
        }
        let before = buffer.filled().len();
        let has_waited = !self.later.is_empty();
        if has_waited {
            let size = self.later.len().min(buffer.remaining());
            buffer.put_slice(&self.later[..size]);
        } else {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Pending => return self.poll_silence(cx),
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(end) => return Poll::Ready(end),
            }
        }
        let is_head = self.body.is_none();
        let end = before + self.take(&mut buffer.filled_mut()[before..]);
        if has_waited {
            drop(self.later.split_to(end - before));
            if self.later.is_empty() {
                self.later = BytesMut::new();
            }
        } else {
            self.later.extend_from_slice(&buffer.filled()[end..]);
        }
        buffer.set_filled(end);
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};

    use actix_http::{Extensions, HttpService, Protocol};
    use actix_service::{Service, ServiceFactory, ServiceFactoryExt, map_config};
    use actix_web::dev::AppConfig;
    use actix_web::web::{self, Bytes};
    use actix_web::{App, HttpResponse};
    use tokio::net::UnixStream;

    use super::super::connections::Connections;
    use super::*;
    use crate::http::Front;

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

    /// The answer to the request that was read last, as actix writes it.
    async fn answered(wire: &mut Wire<UnixStream>, answer: &[u8]) {
        drop(wire.connection().begin());
        assert_eq!(write(wire, answer).await.unwrap(), answer.len());
        poll_fn(|cx| Pin::new(&mut *wire).poll_flush(cx)).await.unwrap();
    }

    async fn waits(wire: &mut Wire<UnixStream>) {
        poll_fn(|cx| {
            let (mut bytes, wire) = ([0; 64], Pin::new(&mut *wire));
            assert!(wire.poll_read(cx, &mut ReadBuf::new(&mut bytes)).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[actix_rt::test]
    async fn what_comes_behind_a_request_waits_for_its_answer() {
        let (mut wire, mut client) = pair();
        let requests = ["GET /a HTTP/1.1\r\n\r\n", "POST /b H\r\nContent-Length: 2\r\n\r\n{}"];
        client.write_all(requests.concat().as_bytes()).unwrap();
        for request in requests {
            assert_eq!(read(&mut wire).await.unwrap(), request.as_bytes());
            waits(&mut wire).await;
            answered(&mut wire, b"HTTP/1.1 200 OK\r\n\r\n").await;
            client.read_exact(&mut [0; 19]).unwrap();
        }
        client.write_all(b"GET /c").unwrap();
        assert_eq!(read(&mut wire).await.unwrap(), b"GET /c");
        assert_eq!(read(&mut wire).await.unwrap(), b"", "the end, after the answer");
        let mut answer = [0; 28];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408 Request Timeout");
    }

    #[actix_rt::test]
    async fn actix_answers_one_after_another_and_refuses_the_rest() {
        let config = AppConfig::__priv_test_new(false, String::new(), ([127, 0, 0, 1], 1).into());
        let app = App::new().default_service(web::to(|body: Bytes| async move {
            HttpResponse::Ok().insert_header(("x-size", body.len())).body(vec![b'x'; 100_000])
        }));
        let front = Front::new(app).map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .client_request_timeout(Duration::ZERO)
            .on_connect_ext(|wire: &Wire<UnixStream>, data: &mut Extensions| {
                data.insert(Arc::clone(wire.connection()));
            })
            .finish(map_config(front, move |()| config.clone()));
        let service = http.new_service(()).await.unwrap();
        let requests = [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ntoken=x",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntok\r\n4\r\nen=x\r\n0\r\n\r\n",
        ];
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "x".repeat(120_000));
        let last = format!("GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n{}", requests[0]);
        for request in requests {
            for (end, answers, status) in [(long.as_str(), 20, "431"), ("GET /", 20, "408"), (&last, 21, "200")] {
                let (wire, client) = pair();
                let sent = request.repeat(20) + end;
                let reading = std::thread::spawn(move || {
                    let mut got = Vec::new();
                    std::thread::scope(|scope| {
                        scope.spawn(|| (&client).write_all(sent.as_bytes()).ok());
                        (&client).read_to_end(&mut got).ok();
                    });
                    String::from_utf8(got).unwrap()
                });
                let served = service.call((wire, Protocol::Http1, None));
                tokio::time::timeout(Duration::from_secs(20), served).await.expect("an end").ok();
                let got = reading.join().unwrap();
                let statuses: Vec<_> = got.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
                assert_eq!(statuses.iter().filter(|status| **status == "200").count(), answers, "{request}");
                assert_eq!(statuses.last(), Some(&status), "{request}");
                assert_eq!(got.matches('x').count() / 100_000, answers, "{request}");
            }
        }
    }

    #[actix_rt::test]
    async fn nothing_is_handed_on_behind_a_last_answer() {
        let (mut wire, mut client) = pair();
        let request = b"GET /a HTTP/1.1\r\n\r\n";
        client.write_all(&request.repeat(2)).unwrap();
        assert_eq!(read(&mut wire).await.unwrap(), request);
        answered(&mut wire, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        waits(&mut wire).await;
        poll_fn(|cx| Pin::new(&mut wire).poll_shutdown(cx)).await.unwrap();
        drop(wire);
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        assert_eq!(all, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
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
