//! The last answer on a connection. After it is written, what the client still sends is read and discarded for a while:
//! if a socket is closed with unread bytes, the client may lose the answer (TCP reset).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long bytes are discarded, and how many at most.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
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
        let deadline = Box::pin(tokio::time::sleep(DISCARD_TIMEOUT));
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
