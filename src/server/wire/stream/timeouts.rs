//! Time limits for clients that send nothing or read nothing.

use std::future::Future;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Wire;

/// The time limits of a connection, in ticks. While it waits, a connection looks at the time once a tick, not at each
/// byte.
#[derive(Clone, Copy, Debug)]
pub struct ClientTimeouts {
    pub tick: Duration,
    /// For the first byte of the first request. For the next requests actix's `keep_alive` applies.
    pub first_byte: u32,
    /// For a complete head, from its first byte.
    pub head: u32,
    /// For the client to read at least [`MIN_READ`] bytes of an answer.
    pub answer: u32,
}

impl ClientTimeouts {
    /// A head and an answer have four whole ticks after the tick in which they begin: 20 to 25 s, and less than 30 s if
    /// one tick comes late.
    pub fn new(keep_alive: Duration) -> Self {
        let tick = Duration::from_secs(5);
        let first_byte = keep_alive.as_secs().div_ceil(tick.as_secs());
        Self { tick, first_byte: u32::try_from(first_byte).unwrap_or(u32::MAX), head: 4, answer: 4 }
    }
}

/// How many bytes of an answer the client must read within [`ClientTimeouts::answer`].
const MIN_READ: usize = 4 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Whether a tick has passed. If not, the task is woken when it has.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> bool {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.options.timeouts.tick)));
        if alarm.as_mut().poll(cx).is_pending() {
            return false;
        }
        let mut next = Box::pin(tokio::time::sleep(self.options.timeouts.tick));
        let _registered = next.as_mut().poll(cx);
        self.alarm = Some(next);
        true
    }

    /// Called when no bytes arrive. Returns `Pending` to go on waiting, or closes the connection.
    pub(super) fn poll_without_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection().register(cx);
        let is_idle = self.connection().is_idle();
        if self.connection().is_closing() && is_idle {
            return Poll::Ready(Ok(()));
        }
        if self.connection().is_closing() && self.connection().waiting_since().is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if !is_idle {
            return Poll::Pending;
        }
        if self.is_fully_read() && self.has_begun() && !self.is_ending {
            return Poll::Pending; // its answer is being written
        }
        let limit = match (self.head.is_empty() && !self.is_ending, self.requests_begun) {
            (false, _) => self.options.timeouts.head,
            (true, 0) => self.options.timeouts.first_byte,
            (true, _) => return Poll::Pending,
        };
        if self.poll_tick(cx) {
            self.idle_ticks += 1;
        }
        if self.idle_ticks <= limit {
            return Poll::Pending;
        }
        if self.blocked.is_some() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if !self.head.is_empty() && !self.has_begun() && !self.is_ending {
            self.close_with(StatusCode::REQUEST_TIMEOUT);
        }
        self.poll_closing(cx).map(Ok)
    }

    /// Called when a write is blocked. Returns `Pending` to go on waiting, or closes the connection.
    pub(super) fn poll_blocked<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.connection().register(cx);
        if self.connection().waiting_since().is_none() {
            self.connection().start_waiting();
        }
        if self.connection().is_closing() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let (ticks, written) = self.blocked.unwrap_or_default();
        let ticks = ticks + u32::from(self.poll_tick(cx));
        self.blocked = Some((ticks, written));
        let limit = if self.admitted.is_stopping() { 1 } else { self.options.timeouts.answer };
        if ticks > limit {
            log::debug!("closed a connection whose client does not read its answer");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// `size` bytes were written. `is_all` if nothing is left.
    pub(super) fn note_progress(&mut self, size: usize, is_all: bool) {
        let Some((_, written)) = &mut self.blocked else { return };
        *written += size;
        if is_all || *written >= MIN_READ {
            self.blocked = None;
            if !self.connection().is_idle() {
                self.connection().stop_waiting();
            }
        }
    }
}
