//! Somebody who asks for one token again and again, over one connection, and notes what they are told and when.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::lock;

/// When the request was sent, and the answer; answers with a status other than 200 are left out.
type Answers = Vec<(Instant, String)>;

pub struct Asked {
    answers: Arc<Mutex<Answers>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Asked {
    pub fn start(addr: SocketAddr, client: &(String, String), token: &str) -> Self {
        let request = introspection(addr, client, token);
        let (answers, stop) = (Arc::<Mutex<Answers>>::default(), Arc::<AtomicBool>::default());
        let thread = std::thread::spawn({
            let (answers, stop) = (Arc::clone(&answers), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    // A node may be stopped, or hang up: then again.
                    if let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_secs(1)) {
                        ask(&stream, &request, &answers, &stop).ok();
                    }
                }
            }
        });
        Self { answers, stop, thread: Some(thread) }
    }

    /// The newest answer.
    #[track_caller]
    pub fn last(&self) -> String {
        eventually("an answer", Duration::from_secs(5), || lock(&self.answers).last().map(|(_, text)| text.clone()))
    }

    /// The answers to requests that were sent after `moment`.
    pub fn answers_since(&self, moment: Instant) -> Answers {
        lock(&self.answers).iter().filter(|(sent, _)| *sent > moment).cloned().collect()
    }
}

/// A connection to a node, which is kept between its requests.
pub struct Kept {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Kept {
    #[track_caller]
    pub fn open(addr: SocketAddr, client: &(String, String), token: &str) -> Self {
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5)).expect("a node that listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), request: introspection(addr, client, token) }
    }

    pub fn send(&self) -> std::io::Result<()> {
        (&mut self.stream.get_ref()).write_all(&self.request)
    }

    /// The answer to the request that was sent, with its status line.
    pub fn answer(&mut self) -> std::io::Result<(String, String)> {
        read(&mut self.stream)
    }
}

/// A request for a token, over a connection that is kept.
fn introspection(addr: SocketAddr, client: &(String, String), token: &str) -> Vec<u8> {
    let request = Request::new("POST", "/introspect").basic(&client.0, &client.1);
    request.header("Connection", "keep-alive").form(&[("token", token)]).bytes(addr)
}

fn ask(stream: &TcpStream, request: &[u8], answers: &Mutex<Answers>, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        (&mut &*stream).write_all(request)?;
        let (status, body) = read(&mut reader)?;
        if status.starts_with("HTTP/1.1 200") {
            lock(answers).push((sent, body));
        }
        // Often enough to hit every moment, and not so often that the machine does nothing else.
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}

/// The status line and the body of an answer.
fn read(reader: &mut impl BufRead) -> std::io::Result<(String, String)> {
    let (mut status, mut length) = (String::new(), 0);
    reader.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
