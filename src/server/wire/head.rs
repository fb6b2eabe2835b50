//! The head of the next request, as it arrives. Its first bytes are kept, for the answer if it cannot be read. An
//! upgrade offer in it is blanked out: actix would close the connection after it, and would take everything after a
//! WebSocket offer for the body, although jeton accepts no upgrade.

use super::body::Body;

/// How many bytes of a head are kept.
pub const MAX_KEPT: usize = 4 * 1024;

/// The largest head, in bytes.
const MAX_HEAD: usize = 32 * 1024;

#[derive(Default)]
pub struct Head {
    /// Its length in bytes, without what follows it.
    size: usize,
    kept: Vec<u8>,
    has_ended: bool,
    /// Whether a line that is not empty has arrived.
    has_begun: bool,
    /// The part of the current line that arrived in earlier pieces.
    line: Vec<u8>,
    body: Option<Body>,
}

impl Head {
    /// Starts over, for the next request.
    pub fn clear(&mut self) {
        self.kept.clear();
        if self.kept.capacity() > MAX_KEPT / 4 {
            self.kept = Vec::new();
        }
        self.line = Vec::new();
        (self.size, self.has_ended, self.has_begun, self.body) = (0, false, false, None);
    }

    /// Whether none of it has arrived.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether it is larger than any head should be.
    pub fn is_too_large(&self) -> bool {
        self.size > MAX_HEAD
    }

    /// How many bytes of it are in memory, here and in actix, beyond what every connection may hold.
    pub fn excess(&self) -> usize {
        if self.has_ended { 0 } else { (self.size + self.line.len()).saturating_sub(MAX_KEPT) }
    }

    /// Its first bytes.
    pub fn beginning(&self) -> &[u8] {
        &self.kept
    }

    /// What follows it, once it has ended.
    pub fn body(&self) -> Option<Body> {
        self.has_ended.then(|| self.body.unwrap_or(Body::NONE))
    }

    /// Reads bytes that arrived: more of the head, and what follows it. Returns how many belong to the head.
    pub fn take(&mut self, bytes: &mut [u8]) -> usize {
        if self.has_ended {
            return 0;
        }
        let end = self.find_end(bytes);
        self.size += end;
        let room = MAX_KEPT.saturating_sub(self.kept.len()).min(end);
        self.kept.extend_from_slice(&bytes[..room]);
        blank_upgrade_offers(&mut bytes[..end]);
        end
    }

    /// Where the head ends: after the first empty line that follows a line that is not empty.
    fn find_end(&mut self, bytes: &[u8]) -> usize {
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            let piece = &bytes[start..newline];
            start = newline + 1;
            let is_empty = if self.line.is_empty() {
                self.read_line(piece)
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(piece);
                self.read_line(&line)
            };
            if is_empty && self.has_begun {
                self.has_ended = true;
                return start;
            }
            self.has_begun |= !is_empty;
        }
        self.line.extend_from_slice(&bytes[start..]);
        bytes.len()
    }

    /// Reads a line. Returns whether it is empty.
    fn read_line(&mut self, line: &[u8]) -> bool {
        if let Some(value) = value_of(line, b"content-length:") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            // If the header is repeated, or both are present, or it is malformed, actix refuses the request.
            self.body = Some(length.map_or(Body::UNKNOWN, Body::Length));
        } else if let Some(value) = value_of(line, b"transfer-encoding:") {
            let is_chunked = value.eq_ignore_ascii_case(b"chunked");
            self.body = Some(if is_chunked { Body::CHUNKED } else { Body::UNKNOWN });
        }
        matches!(line, b"" | b"\r")
    }
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Blanks out the word `upgrade` in `Connection`, and the value of `Upgrade`, in complete lines. An offer that is
/// missed here reaches actix, and `http/edge/outer/` closes the connection after the answer.
fn blank_upgrade_offers(head: &mut [u8]) {
    const WORD: &[u8] = b"upgrade";
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'u', b'U', &head[from..]) {
        let start = from + found;
        from = start + 1;
        let Some(word) = head.get(start..start + WORD.len()) else { return };
        if !word.eq_ignore_ascii_case(WORD) {
            continue;
        }
        let Some(newline) = memchr::memrchr(b'\n', &head[..start]) else { continue };
        let after = start + WORD.len();
        let Some(length) = memchr::memchr2(b'\r', b'\n', &head[after..]) else { return };
        if newline + 1 == start {
            if head[after] == b':' {
                head[after + 1..after + length].fill(b' ');
            }
        } else if head[newline + 1..start].to_ascii_lowercase().starts_with(b"connection:")
            && matches!(head[start - 1], b':' | b',' | b' ' | b'\t')
            && matches!(head[after], b',' | b' ' | b'\t' | b'\r' | b'\n')
        {
            head[start..after].fill(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pieces: &[&str]) -> (Head, String) {
        let mut head = Head::default();
        let texts = pieces.iter().map(|piece| {
            let mut bytes = piece.as_bytes().to_vec();
            head.take(&mut bytes);
            String::from_utf8(bytes).unwrap()
        });
        let text = texts.collect();
        (head, text)
    }

    #[test]
    fn offers_are_blanked_in_the_head_and_nowhere_else() {
        let head = "POST /upgrade?Connection: upgrade HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nX-Upgrade: a\r\nConnection-x: upgrade\r\nX: Connection: upgrade\r\n\r\n";
        let body = "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
        let blanked = head.replace(": Upgrade,", ":        ,").replace("upgrade: h2c", "upgrade:    ");
        let (seen, text) = taken(&[&format!("{head}{body}"), body]);
        assert_eq!(text, format!("{blanked}{body}{body}"));
        assert!(seen.has_ended && seen.beginning().starts_with(b"POST /upgrade?"));
        for text in ["a\r\nConnection: keep-alive,UPGRADE\r\n", "a\nconnection:upgrade\n\n"] {
            let blanked = text.replace("UPGRADE", "       ").replace("upgrade", "       ");
            assert_eq!(taken(&[text]).1, blanked);
        }
        for text in [
            "a\r\nConnection: upgrade-not\r\n",
            "a\r\nConnection: no-upgrade\r\n",
            "\r\nUpgrad",
            "Connection: upgrade\r\n",
        ] {
            assert_eq!(taken(&[text]).1, text);
        }
    }

    #[test]
    fn its_end_is_found_wherever_it_is_cut() {
        for head in
            ["\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n"]
        {
            for cut in 0..head.len() {
                let (seen, _) = taken(&[&head[..cut], &head[cut..head.len() - 1]]);
                assert!(!seen.has_ended, "{head:?} {cut}");
                let (mut seen, _) = taken(&[&head[..cut], &head[cut..]]);
                assert!(seen.has_ended, "{head:?} {cut}");
                seen.clear();
                assert!(seen.is_empty() && !seen.has_ended);
            }
        }
    }

    #[test]
    fn it_says_what_follows() {
        for (line, body) in [
            ("Host: x", Body::NONE),
            ("content-LENGTH:\t17 ", Body::Length(17)),
            ("Content-Length: 0", Body::NONE),
            ("Content-Length: x", Body::UNKNOWN),
            ("X-Content-Length: 1", Body::NONE),
            ("Transfer-Encoding: Chunked", Body::CHUNKED),
            ("Transfer-Encoding: gzip", Body::UNKNOWN),
        ] {
            let text = format!("\r\n\r\nPOST / HTTP/1.1\r\n{line}\r\nA: b\r\n\r\n");
            for cut in 0..text.len() {
                assert_eq!(taken(&[&text[..cut], &text[cut..]]).0.body(), Some(body), "{text:?} {cut}");
            }
            assert_eq!(taken(&[&text[..text.len() - 1]]).0.body(), None);
        }
    }

    #[test]
    fn a_head_without_end_is_too_large_and_a_large_body_is_not() {
        let long = "a".repeat(MAX_HEAD);
        assert!(!taken(&[&long]).0.is_too_large());
        for rest in ["a", "a\r\n\r\n", "\n\n"] {
            let (seen, _) = taken(&[&long, rest]);
            assert!(seen.is_too_large() && seen.beginning().len() == MAX_KEPT, "{rest}");
        }
        assert!(!taken(&["a\r\n\r\n", &long, &long]).0.is_too_large());
    }
}
