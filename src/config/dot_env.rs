//! The file `.env`, with the number of each line.

use std::cell::Cell;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// What the file has.
#[derive(Debug, Default)]
pub struct DotEnv {
    /// Name, value, and the number of the line on which they begin.
    pub entries: Vec<(String, String, usize)>,
    pub faults: Vec<String>,
}

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the file, if there is one.
pub fn dot_env(path: &Path) -> DotEnv {
    let fault = |words: String| format!("{}: {words}", path.display());
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return DotEnv::default(),
        Err(error) => return DotEnv { faults: vec![fault(error.to_string())], ..DotEnv::default() },
    };
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let (read, mut found) = (Cell::new(0), DotEnv::default());
    let mut entries = dotenvy::from_read_iter(LineByLine { rest: bytes, read: &read });
    loop {
        let begins = read.get() + lines.iter().skip(read.get()).take_while(|line| has_no_entry(line)).count() + 1;
        match entries.next() {
            None => return found,
            Some(Ok((name, value))) => found.entries.push((name, value, begins)),
            // The error quotes the line, which may hold a secret.
            Some(Err(dotenvy::Error::Io(_))) => found.faults.push(fault(format!("line {begins} is not UTF-8"))),
            Some(Err(_)) => found.faults.push(fault(format!(
                "line {begins} cannot be read; write NAME=value, and close each quote; '..' is around spaces, $ and #"
            ))),
        }
    }
}

/// Whether a line is blank or a comment.
fn has_no_entry(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.is_empty() || line.starts_with(b"#")
}

/// Hands over one line at a time, so that it is known how many lines were read.
struct LineByLine<'a> {
    rest: &'a [u8],
    read: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end.min(buffer.len()));
        buffer[..line.len()].copy_from_slice(line);
        self.rest = rest;
        if line.ends_with(b"\n") {
            self.read.set(self.read.get() + 1);
        }
        Ok(line.len())
    }
}
