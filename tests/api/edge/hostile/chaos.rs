//! Random input, the same at every run.

/// The random number generator SplitMix64.
pub struct Chaos(u64);

impl Chaos {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % limit
    }

    pub fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Words of JSON and forms in any order, so that parsers do not fail at the first byte.
    pub fn json_like(&mut self, size: usize) -> Vec<u8> {
        const WORDS: [&str; 24] = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\",
            "\\u",
            "\\ud800",
            "null",
            "true",
            "-",
            "0",
            "1e9",
            ".",
            "\"token\":",
            "\"username\":",
            "\"password\":",
            "\"groups\":[",
            "\u{2028}",
            "&",
            "=",
            "%",
        ];
        let mut text = b"{\"username\":".to_vec();
        while text.len() < size {
            text.extend(WORDS[self.below(WORDS.len())].bytes());
        }
        text
    }

    /// Random bytes that a header may have.
    pub fn header_value(&mut self, size: usize) -> Vec<u8> {
        let byte = |byte: u8| if byte < 0x20 || byte == 0x7f { b'\t' } else { byte };
        self.bytes(size).into_iter().map(byte).collect()
    }

    /// A path that a request line can hold.
    pub fn path(&mut self, size: usize) -> String {
        const PIECES: [&str; 16] = [
            "/",
            "//",
            ".",
            "..",
            "%2e",
            "%2F",
            "%00",
            "%",
            "%e9",
            "me",
            "admin",
            "users",
            "introspect",
            "?",
            "&a=",
            "~;",
        ];
        let mut path = "/".to_owned();
        while path.len() < size {
            path.push_str(PIECES[self.below(PIECES.len())]);
        }
        path
    }
}
