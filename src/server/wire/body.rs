//! Finds the end of a request's body, so that bytes after it are kept for the next request. actix reads the body itself
//! and refuses a malformed one.

/// What is left to read of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// This many bytes.
    Length(u64),
    /// In the size line of a chunk: the size read so far, and whether more digits may follow.
    Size(u64, bool),
    /// In a chunk: the bytes left of it and of the line end after it.
    Chunk(u64),
    /// In the trailers: the length of the current line so far, without its line end.
    Trailers(usize),
}

impl Body {
    /// No body, or nothing left of it.
    pub const NONE: Self = Self::Length(0);
    /// A chunked body.
    pub const CHUNKED: Self = Self::Size(0, true);
    /// A body of unknown length.
    pub const UNKNOWN: Self = Self::Length(u64::MAX);

    /// Whether nothing more is to come.
    pub fn has_ended(self) -> bool {
        self == Self::NONE
    }

    /// How many of these bytes belong to it.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.has_ended() {
            taken += self.step(&bytes[taken..]);
        }
        taken
    }

    fn step(&mut self, bytes: &[u8]) -> usize {
        match *self {
            Self::Length(ref mut left) | Self::Chunk(ref mut left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                if *left != u64::MAX {
                    *left -= size as u64;
                }
                if *self == Self::Chunk(0) {
                    *self = Self::CHUNKED;
                }
                size
            }
            Self::Size(size, more) => {
                let digit = char::from(bytes[0]).to_digit(16).filter(|_| more).map(u64::from);
                *self = match (bytes[0], digit) {
                    (b'\n', _) if size == 0 => Self::Trailers(0),
                    (b'\n', _) => Self::Chunk(size.saturating_add(2)),
                    (_, Some(digit)) => Self::Size(size.saturating_mul(16).saturating_add(digit), true),
                    (_, None) => Self::Size(size, false),
                };
                1
            }
            Self::Trailers(line) => {
                *self = match bytes[0] {
                    b'\n' if line == 0 => Self::NONE,
                    b'\n' => Self::Trailers(0),
                    b'\r' => Self::Trailers(line),
                    _ => Self::Trailers(line + 1),
                };
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_it_should_wherever_it_is_cut() {
        let chunked = "5;a=b\r\nhello\r\n0A \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
        let all = [
            (Body::NONE, ""),
            (Body::Length(5), "hello"),
            (Body::CHUNKED, "0\r\n\r\n"),
            (Body::CHUNKED, "1\r\n\n\r\n0\r\n\r\n"),
            (Body::CHUNKED, chunked),
        ];
        for (body, text) in all {
            let more = format!("{text}GET / HTTP/1.1\r\n\r\n");
            for cut in 0..=text.len() {
                let mut body = body;
                assert_eq!(body.take(&more.as_bytes()[..cut]), cut);
                assert_eq!(body.has_ended(), cut == text.len(), "{text:?} {cut}");
                assert_eq!(body.take(&more.as_bytes()[cut..]), text.len() - cut, "{text:?} {cut}");
                assert!(body.has_ended());
            }
        }
        let mut unknown = Body::UNKNOWN;
        assert!(unknown.take(b"0\r\n\r\n") == 5 && !unknown.has_ended());
    }
}
