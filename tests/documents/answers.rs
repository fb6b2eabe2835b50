//! Whether an answer looks as a page shows it: values such as keys, numbers and times may be others.

/// `...` in `shown` stands for anything, and as a last line also for no line at all.
pub fn is_like(shown: &str, answer: &str) -> bool {
    let (shown, answer) = (shape(shown), shape(answer));
    if shown.strip_suffix("\n...").is_some_and(|before| before == answer) {
        return true;
    }
    let mut pieces = shown.split("...");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = answer.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    true
}

/// The text with one space for several, KEY for what may be a key, 9 for a number, and `...` for `5d0c...`.
fn shape(text: &str) -> String {
    let text = text.trim_end().replace('\r', "");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let text = lines.collect::<Vec<_>>().join("\n");
    let (mut shaped, mut rest) = (String::new(), text.as_str());
    while let Some(next) = rest.chars().next() {
        let hex =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()).len();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length = if hex > 0 && rest[hex..].starts_with("...") {
            hex
        } else if hex >= 16 {
            shaped += "KEY";
            hex
        } else if digits > 0 {
            shaped += "9";
            digits
        } else {
            shaped.push(next);
            next.len_utf8()
        };
        rest = &rest[length..];
    }
    shaped
}

#[test]
fn answers_of_another_shape_are_told_apart() {
    let key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
    for (shown, answer) in [
        ("{\"token\":\"0f1a52d9c80e4a3fb2a5cbb1e3f0c7d4519e8a26\"}", format!("{{\"token\":\"{key}\"}}")),
        ("{\"secret\":\"5d0c...\"}", format!("{{\"secret\":\"{key}\"}}")),
        ("{\"id\":1,...}", "{\"id\":20,\"a\":2}".to_owned()),
        ("ok\n...", "ok\n\nNODE\na".to_owned()),
        ("ok\n...", "ok\n".to_owned()),
        ("HTTP/1.1 401 X\n...\n{}", "HTTP/1.1 401 X\r\na: b\r\nc: d\r\n\r\n{}".to_owned()),
        ("a   1", "a 12\n".to_owned()),
    ] {
        assert!(is_like(shown, &answer), "{shown} is like {answer}");
    }
    for (shown, answer) in [
        ("{\"token\":\"0f1a...\"}", "{\"key\":\"9944\"}"),
        ("{\"id\":1}", "{\"id\":1,\"a\":2}"),
        ("{\"id\":1,...}", "{\"id\":1}"),
        ("active", "revoked"),
        ("", "an answer"),
    ] {
        assert!(!is_like(shown, answer), "{shown} is not like {answer}");
    }
}
