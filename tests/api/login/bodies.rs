//! `POST /api-token-auth/`: bodies that cannot be read, charsets, multipart forms, limits.

use serde_json::json;

use super::{BOTH_MISSING, PASSWORD, WRONG, assert_answer, holding, post, post_json, with_alice};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::{Answer, Request, base64};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";

/// A 400 whose sentence begins with `prefix`; the rest of the sentence is the parser's message.
#[track_caller]
fn assert_parse_error(answer: &Answer, prefix: &str, about: &str) {
    let body = answer.json();
    let sentence = body["detail"].as_str().unwrap_or_default();
    assert!(sentence.len() > prefix.len() && sentence.starts_with(prefix), "{about}: {body}");
    assert_answer(answer, 400, &format!("{{\"detail\":{}}}", json!(sentence)), about);
}

fn part(header: &str, text: &str) -> String {
    format!("--x\r\n{header}\r\n\r\n{text}\r\n")
}

on_both! {
    fn json_that_cannot_be_read_is_a_parse_error(db) {
        let app = App::start(db);
        let deep = format!("{{\"username\":{}", "[".repeat(30_000));
        let huge = format!("{{\"more\":[{}]}}", "9".repeat(4301));
        let texts = [
            "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "{'a':1}", "{1:2}", "{}x", "{} {}", "\"", "\"\\x\"", "tru",
            "01", "1.", ".5", "+1", "-", "0x1", " ", "//\n{}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\t\"}", "\u{a0}{}",
            "NaN", "[Infinity]", "{\"username\":-Infinity}", "\u{feff}{}", &deep, &huge,
        ];
        for text in texts {
            assert_parse_error(&app.send(post_json(text)), "JSON parse error - ", &format!("{text:.40}"));
        }
        let bytes: [&[u8]; 6] =
            [b"\xff", b"{\"username\":\"a\xff\"}", b"{\"a\":\"\xc3", b"\"\xed\xa0\x80\"", b"\"\xc0\x80\"", b"\xff\xfe{\0}\0"];
        for body in bytes {
            assert_parse_error(&app.send(post_json(body)), "JSON parse error - ", &format!("{body:?}"));
        }
    }

    fn deeply_nested_json_does_not_exhaust_the_stack(db) {
        let app = with_alice(db, &[]);
        let lists = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        for nested in [lists, objects] {
            let body = format!("{{\"username\":{nested},\"password\":\"x\"}}");
            let answer = app.send(post_json(body));
            assert_answer(&answer, 400, r#"{"username":["Not a valid string."]}"#, &nested[..9]);
            let body = format!("{{\"more\":{nested},\"username\":\"alice\",\"password\":\"x\"}}");
            assert_answer(&app.send(post_json(body)), 400, WRONG, &nested[..9]);
        }
    }

    fn an_empty_body_has_no_fields_whatever_its_type(db) {
        let app = App::start(db);
        let empty = || Request::new("POST", "/api-token-auth/");
        for request in [empty(), empty().raw_body("")] {
            assert_answer(&app.send(request), 400, BOTH_MISSING, "no type");
        }
        for content_type in ["application/json", FORM, MULTIPART, "multipart/form-data", "text/plain", "?"] {
            assert_answer(&app.send(post(content_type, "")), 400, BOTH_MISSING, content_type);
        }
    }

    fn an_unsupported_media_type_is_named_in_the_error(db) {
        let app = App::start(db);
        let long = format!("application/json;x={}", "a".repeat(256));
        for content_type in [
            "text/plain",
            "text/html; charset=utf-8",
            "application/xml",
            "application/vnd.api+json",
            "application/json, text/plain",
            "text/\"plain\\",
            "json",
            "*",
            &long,
        ] {
            let sentence = format!("Unsupported media type \"{content_type}\" in request.");
            let body = json!({ "detail": sentence }).to_string();
            assert_answer(&app.send(post(content_type, "x")), 415, &body, content_type);
        }
        let latin1 = Request::new("POST", "/api-token-auth/").header("Content-Type", b"text/\xe9").raw_body("x");
        let body = r#"{"detail":"Unsupported media type \"text/é\" in request."}"#;
        assert_answer(&app.send(latin1), 415, body, "Latin-1");
        let untyped = Request::new("POST", "/api-token-auth/").raw_body("x");
        let body = r#"{"detail":"Unsupported media type \"\" in request."}"#;
        assert_answer(&app.send(untyped), 415, body, "no type");
    }

    fn a_multipart_form_needs_a_boundary(db) {
        let app = App::start(db);
        let long = "x".repeat(202);
        for (content_type, shown) in [
            ("multipart/form-data".to_owned(), "None"),
            ("multipart/form-data; charset=utf-8".to_owned(), "None"),
            ("multipart/form-data; boundary=".to_owned(), ""),
            ("multipart/form-data; boundary=\"x \"".to_owned(), "x "),
            (format!("multipart/form-data; boundary={long}"), long.as_str()),
        ] {
            let sentence = format!("Multipart form parse error - Invalid boundary in multipart: {shown}");
            let body = json!({ "detail": sentence }).to_string();
            assert_answer(&app.send(post(&content_type, "x")), 400, &body, &content_type);
        }
        let longest = &long[1..];
        assert_answer(&app.send(post(&format!("multipart/form-data; boundary={longest}"), "x")), 400, BOTH_MISSING, "201");
    }

    fn multipart_forms_are_read_as_django_reads_them(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let field = |name: &str, more: &str, text: &str| {
            part(&format!("Content-Disposition: form-data; name=\"{name}\"{more}"), text)
        };
        let (alice, bob) = (field("username", "", "alice"), field("username", "", "bob"));
        let password = field("password", "", PASSWORD);
        let encoded = field("username", "\r\nContent-Transfer-Encoding: base64", &base64(b"alice"));
        let file = field("username", "; filename=\"a.txt\"\r\nContent-Type: text/plain", "alice");
        let invalid = r#"{"username":["Not a valid string."]}"#;
        let blank = r#"{"username":["This field may not be blank."]}"#;
        let good = |username: String| (format!("{username}{password}--x--\r\n"), 200, holding(&key));
        for (body, status, answer) in [
            good(alice.clone()),
            good(format!("preamble\r\n{alice}")),
            good(format!("{bob}{alice}")),
            good(field("username", "; filename=\"\"", "alice")),
            good(field("username", "\r\nContent-Type: text/plain", " alice ")),
            good(alice.replace("form-data; name=\"username\"", "FORM-DATA; NAME=username")),
            good(encoded),
            (format!("{alice}{}", password.trim_end()), 200, holding(&key)),
            (format!("{file}{password}--x--\r\n"), 400, invalid.to_owned()),
            (format!("{file}{alice}{password}--x--\r\n"), 400, invalid.to_owned()),
            (format!("{}{password}--x--\r\n", field("username", "", "  ")), 400, blank.to_owned()),
            (format!("{alice}{bob}{password}--x--\r\n"), 400, WRONG.to_owned()),
            ("--x--\r\n".to_owned(), 400, BOTH_MISSING.to_owned()),
            ("nonsense".to_owned(), 400, BOTH_MISSING.to_owned()),
        ] {
            assert_answer(&app.send(post(MULTIPART, body.clone())), status, &answer, &body);
        }
        let endless = post(MULTIPART, field("username", &format!("\r\nX: {}", "y".repeat(1024)), "alice"));
        assert_parse_error(&app.send(endless), "Multipart form parse error - ", "a long header");
    }

    fn the_charset_of_a_body_is_honoured(db) {
        let app = App::start(db);
        app.create_user("émile", PASSWORD, &json!({}));
        let key = app.login("émile", PASSWORD);
        let text = format!("{{\"username\":\"émile\",\"password\":\"{PASSWORD}\"}}");
        let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let with = |name: &[u8]| [b"username=", name, b"mile&password=a+quiet+harbour+at+noon"].concat();
        let json_in = |charset: &str| format!("application/json; charset={charset}");
        let form_in = |charset: &str| format!("{FORM}; charset={charset}");
        let wrong = WRONG.to_owned();
        for (content_type, body, status, answer) in [
            (json_in("iso-8859-1"), latin1.clone(), 200, holding(&key)),
            (json_in("\"Latin-1\""), latin1.clone(), 200, holding(&key)),
            (json_in("windows-1252"), latin1.clone(), 200, holding(&key)),
            (json_in("utf-16"), utf16, 200, holding(&key)),
            (json_in("no-such-charset"), text.clone().into_bytes(), 200, holding(&key)),
            (json_in("iso-8859-1"), text.clone().into_bytes(), 400, wrong.clone()),
            (form_in("iso-8859-1"), with(b"%E9"), 200, holding(&key)),
            (form_in("iso-8859-1"), with(b"\xe9"), 200, holding(&key)),
            (form_in("iso-8859-1"), with("é".as_bytes()), 400, wrong.clone()),
            (form_in("utf-8"), with(b"%C3%A9"), 200, holding(&key)),
            (FORM.to_owned(), with("é".as_bytes()), 200, holding(&key)),
            (FORM.to_owned(), with(b"\xe9"), 200, holding(&key)),
            (FORM.to_owned(), with(b"%E9"), 400, wrong),
        ] {
            let about = format!("{content_type} {body:x?}");
            assert_answer(&app.send(post(&content_type, body)), status, &answer, &about);
        }
        for charset in ["utf-8", "us-ascii", "no-such-charset", "utf-16"] {
            let answer = app.send(post(&json_in(charset), latin1.clone()));
            assert_parse_error(&answer, "JSON parse error - ", charset);
        }
    }

    fn a_body_over_64_kib_is_too_large(db) {
        let app = App::start(db);
        let too_large = r#"{"detail":"The request body is too large."}"#;
        let of = |size: usize| format!("{{\"more\":\"{}\"}}", "x".repeat(size - 11));
        for content_type in ["application/json", FORM, MULTIPART, "text/plain"] {
            for size in [64 * 1024 + 1, 1024 * 1024] {
                assert_answer(&app.send(post(content_type, of(size))), 413, too_large, content_type);
            }
        }
        assert_answer(&app.send(post_json(of(64 * 1024))), 400, BOTH_MISSING, "64 KiB");
        let chunk = format!("10001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x1_0001));
        let chunked = post_json(chunk).header("Transfer-Encoding", "chunked");
        let mut bytes = chunked.bytes(app.addr);
        let length = b"Content-Length: ";
        let at = bytes.windows(length.len()).position(|window| window == length).unwrap();
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        bytes.drain(at..end);
        let answer = Answer::parse("POST", &crate::support::http::raw(app.addr, &bytes)).unwrap();
        assert_answer(&answer, 413, too_large, "chunked");
    }
}
