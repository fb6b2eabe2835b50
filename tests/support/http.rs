//! HTTP/1.1 over a bare socket: what a test sends and gets is exact to the byte.
//! Each request has its own connection, which the server closes.

mod answer;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

pub use self::answer::Answer;

/// This is long enough for a hash of Django's cost in a build without optimisation.
const LIMIT: Duration = Duration::from_mins(3);

/// Sends `bytes` and reads until the server closes the connection, or resets it.
#[track_caller]
pub fn raw(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect_timeout(&addr, LIMIT).expect("a server that listens");
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    let mut got = Vec::new();
    let read = thread::scope(|scope| {
        // Writing and reading have different threads, because a server may answer before it has read everything.
        scope.spawn(|| (&stream).write_all(bytes).ok());
        let read = (&stream).read_to_end(&mut got);
        stream.shutdown(Shutdown::Both).ok(); // this also ends a write that the server does not read
        read
    });
    match read {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            let got = String::from_utf8_lossy(&got);
            panic!("{addr} did not close the connection within {LIMIT:?}: {error}; so far: {got:?}")
        }
        _ => got,
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// A `Host`, `Connection` or `Content-Length` given here replaces the one `send` would add.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let header = (name.to_owned(), value.as_ref().to_vec());
        self.headers.push(header);
        self
    }

    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", content_type).raw_body(body)
    }

    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
        let pairs: Vec<_> = fields.iter().map(pair).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// A client's credentials, both form-encoded at first: RFC 6749, 2.3.1.
    pub fn basic(self, user: &str, password: &str) -> Self {
        let credentials = base64(format!("{}:{}", encode(user), encode(password)).as_bytes());
        self.header("Authorization", format!("Basic {credentials}"))
    }

    pub fn token(self, key: &str) -> Self {
        self.header("Authorization", format!("Token {key}"))
    }

    #[track_caller]
    pub fn send(&self, addr: SocketAddr) -> Answer {
        let bytes = raw(addr, &self.bytes(addr));
        match Answer::parse(&self.method, &bytes) {
            Ok(answer) => answer,
            Err(why) => {
                let bytes = String::from_utf8_lossy(&bytes);
                panic!("{} {}: {why}, in {bytes:?}", self.method, self.target)
            }
        }
    }

    /// The bytes that `send` sends.
    pub fn bytes(&self, addr: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let given = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let length = self.body.as_ref().map(|body| body.len().to_string());
        let mut own = vec![("Host", addr.to_string()), ("Connection", "close".to_owned())];
        own.extend(length.map(|length| ("Content-Length", length)));
        for (name, value) in own.iter().filter(|(name, _)| !given(name)) {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// `application/x-www-form-urlencoded`
pub fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b' ' => "+".to_owned(),
        b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let byte = |i| three.get(i).copied().map_or(0, usize::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |i: usize| char::from(DIGITS[bits >> (18 - 6 * i) & 63]);
        [0, 1, 2, 3].map(|i| if i <= three.len() { digit(i) } else { '=' })
    };
    bytes.chunks(3).flat_map(group).collect()
}
