//! A service behind a gateway: answers everything alike and remembers what it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::process::lock;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Headers behind a body in chunks.
    pub trailers: Vec<String>,
    /// What was sent behind it.
    pub more: Vec<u8>,
}

impl Received {
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// None when the sender hung up first, as a gateway's connection kept for later does.
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut received = Self::default();
        let first = line(&mut reader)?;
        let mut words = first.split(' ');
        words.next()?.clone_into(&mut received.method);
        words.next()?.clone_into(&mut received.target);
        loop {
            let line = line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else { break };
            received.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = received.headers_named("Content-Length").first().map(|length| length.parse().unwrap());
        if received.headers_named("Transfer-Encoding") == ["chunked"] {
            (received.body, received.trailers) = chunks(&mut reader)?;
        } else {
            received.body = bytes(&mut reader, length.unwrap_or(0))?;
        }
        received.more = reader.buffer().to_vec();
        Some(received)
    }
}

pub struct Upstream {
    pub addr: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    pub fn start() -> Self {
        Self::answering("200 OK")
    }

    pub fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let over = Arc::<AtomicBool>::default();
        let thread = thread::spawn({
            let (received, over) = (Arc::clone(&received), Arc::clone(&over));
            move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let received = Arc::clone(&received);
                    thread::spawn(move || serve(&stream.unwrap(), status, &received));
                }
            }
        });
        Self { addr, received, over, thread: Some(thread) }
    }

    /// What has arrived since it was last asked.
    pub fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *lock(&self.received))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.addr).ok(); // wakes it
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(mut stream: &TcpStream, status: &str, received: &Mutex<Vec<Received>>) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    if let Some(request) = Received::read(stream) {
        let body = if request.method == "HEAD" { "" } else { "served" };
        lock(received).push(request);
        write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 6\r\n\r\n{body}").ok();
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).ok()?;
    let line = line.strip_suffix(b"\r\n")?;
    Some(line.iter().copied().map(char::from).collect())
}

fn bytes(reader: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn chunks(reader: &mut impl BufRead) -> Option<(Vec<u8>, Vec<String>)> {
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    loop {
        let size = usize::from_str_radix(&line(reader)?, 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend(bytes(reader, size)?);
        line(reader)?;
    }
    loop {
        match line(reader)? {
            end if end.is_empty() => return Some((body, trailers)),
            trailer => trailers.push(trailer),
        }
    }
}
