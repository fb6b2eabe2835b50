//! How long a client is waited for that sends nothing, or reads nothing.

use std::future::Future;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Wire;

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

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
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

    /// Nothing comes: shall it be waited for?
    pub(super) fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// A write that does not go through: shall it be waited for?
    pub(super) fn poll_stuck<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
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
    pub(super) fn went_through(&mut self, size: usize, is_all: bool) {
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
