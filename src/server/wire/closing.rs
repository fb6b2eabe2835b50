//! The last answer on a connection: it is written, then what the client still sends is thrown away for a while, for a socket
//! that is closed over unread bytes takes its answer back.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long, and how much at most.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_DISCARDED: usize = 4 * 1024 * 1024;

pub struct Closing {
    answer: Vec<u8>,
    written: usize,
    is_shut: bool,
    discarded: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Closing {
    pub fn with(answer: Vec<u8>) -> Self {
        let deadline = Box::pin(tokio::time::sleep(PATIENCE));
        Self { answer, written: 0, is_shut: false, discarded: 0, deadline }
    }

    /// Ready when the connection may end.
    pub fn poll<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_all(stream, cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => self.deadline.as_mut().poll(cx),
        }
    }

    fn poll_all<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.answer.len() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.answer[self.written..]))? {
                0 => return Poll::Ready(Ok(())),
                written => self.written += written,
            }
        }
        if !self.is_shut {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        let mut piece = [0; 4096];
        while self.discarded < MAX_DISCARDED {
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut piece))?;
            match piece.filled().len() {
                0 => break,
                read => self.discarded += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}
