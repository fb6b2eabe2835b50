//! The head of the next request, as it comes: its beginning is kept for the answer to one that cannot be read, and an offer
//! to upgrade in it is blanked out. actix keeps no connection on which one was made, and takes everything that follows an
//! offer of a WebSocket for the body, though the offer is never taken up.

/// How much is kept.
const MAX_KEPT: usize = 4 * 1024;

/// The largest head, in bytes.
const MAX_HEAD: usize = 32 * 1024;

#[derive(Default)]
pub struct Head {
    /// In bytes, what follows it not counted.
    size: usize,
    kept: Vec<u8>,
    has_ended: bool,
    /// Whether nothing has come yet of the line that is coming, or its carriage return only.
    at_line_start: bool,
}

impl Head {
    /// The request was handed on, and another may come.
    pub fn clear(&mut self) {
        self.kept.clear();
        if self.kept.capacity() > MAX_KEPT / 4 {
            self.kept = Vec::new();
        }
        (self.size, self.has_ended, self.at_line_start) = (0, false, false);
    }

    /// Whether nothing of it has come.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether it is larger than any head should be.
    pub fn is_too_large(&self) -> bool {
        self.size > MAX_HEAD
    }

    /// What it makes actix hold beyond what every connection has.
    pub fn excess(&self) -> usize {
        if self.has_ended { 0 } else { self.size.saturating_sub(MAX_KEPT) }
    }

    /// How it begins.
    pub fn beginning(&self) -> &[u8] {
        &self.kept
    }

    /// Takes in what came: more of the head, or what follows it.
    pub fn take(&mut self, bytes: &mut [u8]) {
        if self.has_ended {
            return;
        }
        let end = self.find_end(bytes);
        self.size += end;
        let room = MAX_KEPT.saturating_sub(self.kept.len()).min(end);
        self.kept.extend_from_slice(&bytes[..room]);
        blank_offers(&mut bytes[..end]);
    }

    /// Where it ends: behind the first empty line. What cannot be it is left alone.
    fn find_end(&mut self, bytes: &[u8]) -> usize {
        let mut line = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            if self.at_line_start && matches!(&bytes[line..newline], b"" | b"\r") {
                self.has_ended = true;
                return newline + 1;
            }
            (line, self.at_line_start) = (newline + 1, true);
        }
        self.at_line_start &= matches!(&bytes[line..], b"" | b"\r");
        bytes.len()
    }
}

/// Blanks the word out of `Connection`, and the value of `Upgrade`, in each line that is whole. What is missed, actix sees,
/// and `http/front.rs` closes the connection after the answer.
fn blank_offers(head: &mut [u8]) {
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
