//! An HTTP/1.1 answer, read strictly: an answer that is cut short, or followed by more bytes, is an error.

use std::fmt;

use serde_json::Value;

#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, in whatever case, its bytes read as Latin-1.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers_named(name).into_iter().next()
    }

    pub fn headers_named(&self, name: &str) -> Vec<String> {
        let mut named = self.headers.clone();
        named.retain(|(other, _)| other.eq_ignore_ascii_case(name));
        named.into_iter().map(|(_, value)| latin1(&value)).collect()
    }

    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body of UTF-8")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => {
                let body = String::from_utf8_lossy(&self.body);
                panic!("{error}, in the body of a {}: {body:?}", self.status)
            }
        }
    }

    /// Parses all bytes that the server has sent in answer to a request of this method.
    pub fn parse(method: &str, bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Rest(bytes);
        let mut answer = rest.head()?;
        while (100..200).contains(&answer.status) {
            answer = rest.head()?;
        }
        let coding = answer.header("Transfer-Encoding");
        let length = answer.header("Content-Length");
        answer.body = match (coding.as_deref(), length) {
            _ if method == "HEAD" || [204, 304].contains(&answer.status) => Vec::new(),
            (Some("chunked"), None) => rest.chunks()?,
            (None, Some(length)) => {
                let length = length.parse().map_err(|_| "a Content-Length of no number")?;
                rest.take(length)?.to_vec()
            }
            (None, None) => rest.take(rest.0.len())?.to_vec(),
            (Some(coding), length) => return Err(format!("{coding} and a length of {length:?}")),
        };
        match rest.0.len() {
            0 => Ok(answer),
            more => Err(format!("{more} bytes past the end")),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            write!(f, "\n{name}: {}", latin1(value))?;
        }
        write!(f, "\n\n{}", String::from_utf8_lossy(&self.body))
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn head(&mut self) -> Result<Answer, String> {
        let first = self.line()?;
        let status = first.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        let status = status.ok_or("no status line")?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Answer { status, headers, body: Vec::new() });
            }
            let colon = line.iter().position(|&b| b == b':').ok_or("a header without a colon")?;
            let name = latin1(&line[..colon]);
            headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8_lossy(self.line()?);
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| "a chunk without a size")?;
            if size == 0 {
                while !self.line()?.is_empty() {} // trailers
                return Ok(body);
            }
            body.extend(self.take(size)?);
            if !self.line()?.is_empty() {
                return Err("a chunk longer than its size".to_owned());
            }
        }
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let end = self.0.windows(2).position(|pair| pair == b"\r\n").ok_or("cut short")?;
        Ok(&self.take(end + 2)?[..end])
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], String> {
        let left = self.0.len();
        self.0.split_off(..size).ok_or_else(|| format!("cut short: {left} of {size} bytes"))
    }
}
