//! actix's answers to requests that it cannot read. They have a status line and no body.

use actix_web::http::StatusCode;

/// More bytes than such an answer has.
const LONGEST: usize = 160;

/// Finds such an answer in bytes that are about to be written: its position and its status. It is always the last
/// answer on its connection. All other answers have an `X-Request-Id`, and no body of ours ends with an empty line.
pub fn find(written: &[u8]) -> Option<(usize, StatusCode)> {
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = written.len().saturating_sub(LONGEST);
    let start = from + written[from..].windows(7).rposition(|seven| seven == b"HTTP/1.")?;
    let mut lines = std::str::from_utf8(&written[start..]).ok()?.trim_end_matches("\r\n").split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let known = |line: &str| {
        ["content-length: 0", "connection: ", "date: "].iter().any(|known| line.to_ascii_lowercase().starts_with(known))
    };
    (status >= 400 && lines.all(known)).then_some(())?;
    Some((start, StatusCode::from_u16(status).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_actix_writes_by_itself_are_found() {
        let bare = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Sat, 28 Nov 2026 18:00:00 GMT\r\n\r\n";
        let ours = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: a\r\n\r\n{}";
        assert_eq!(find(bare.as_bytes()), Some((0, StatusCode::BAD_REQUEST)));
        assert_eq!(find(format!("{ours}{bare}").as_bytes()), Some((ours.len(), StatusCode::BAD_REQUEST)));
        let late =
            bare.replace("400 Bad Request", "431 Request Header Fields Too Large").replace("connection: close\r\n", "");
        assert_eq!(find(late.as_bytes()).unwrap().1.as_u16(), 431);
        let empty = "HTTP/1.1 204 No Content\r\nx-request-id: a\r\ndate: Sat, 28 Nov 2026 18:00:00 GMT\r\n\r\n";
        for other in [ours, empty, &empty.replace("204 No Content", "405 x"), "", "\r\n\r\n", "x\r\n\r\n", &bare[7..]] {
            assert_eq!(find(other.as_bytes()), None, "{other}");
        }
        assert_eq!(find("HTTP/1.1 100 Continue\r\n\r\n".as_bytes()), None);
    }
}
