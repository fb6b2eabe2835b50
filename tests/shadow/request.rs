//! Requests of every kind that a client may send, drawn one after the other.

use serde_json::{Value, json};

use super::Package;
use crate::support::http::Request;

/// Numbers that look random, the same in each run (xorshift64*).
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }

    pub fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

const NAMES: [&str; 20] = [
    "user0",
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
    "user6",
    "user7",
    "user8",
    "user9",
    "user10",
    "user11",
    "nobody",
    "stranger",
    "USER0",
    " user1 ",
    "",
    "  ",
    "us\u{e9}r",
    "user0\u{200b}",
];

/// The password, most of the time.
fn password(name: &str, draw: &mut Draw) -> String {
    match draw.below(10) {
        0 => "a wrong one".into(),
        1 => String::new(),
        2 => format!(" the password of {} ", name.trim()),
        _ => format!("the password of {}", name.trim()),
    }
}

/// A login, right or wrong.
pub fn login(package: Package, draw: &mut Draw) -> Request {
    let path = package.login();
    let name = draw.of(&NAMES);
    let password = password(name, draw);
    let post = || Request::new("POST", path);
    let request =
        match draw.below(14) {
            0..=2 => post().json(&json!({"username": name, "password": password})),
            3 | 4 => post().form(&[("username", name), ("password", &password)]),
            5 => {
                let part = |field: &str, text: &str| {
                    format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{text}\r\n")
                };
                let body = format!("{}{}--b--\r\n", part("username", name), part("password", &password));
                post().body("multipart/form-data; boundary=b", body)
            }
            6 => post()
                .body("application/json; charset=utf-8", json!({"username": name, "password": password}).to_string()),
            7 => post().body("application/json", odd_json(name, &password, draw)),
            8 => post()
                .body(draw.of(&["text/plain", "application/xml", "application/vnd.api+json", "x"]), "username=user0"),
            9 => post().json(&odd_fields(name, &password, draw)),
            10 => Request::new(draw.of(&["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND"]), path),
            11 => post().body("multipart/form-data", "no boundary"),
            12 => post(),
            _ => post().form(&[("username", name), ("username", "user2"), ("password", &password), ("more", "x")]),
        };
    match draw.below(8) {
        0 => request.header("Accept", draw.of(&["application/json", "*/*", "application/json; indent=4", "text/*"])),
        1 => request.header("Accept", draw.of(&["application/xml", "image/png", ""])),
        _ => request,
    }
}

fn odd_json(name: &str, password: &str, draw: &mut Draw) -> String {
    let whole = json!({"username": name, "password": password}).to_string();
    match draw.below(12) {
        0 => whole[..draw.below(whole.len())].chars().collect(),
        1 => format!("{whole} x"),
        2 => "[]".into(),
        3 => "null".into(),
        4 => "\"text\"".into(),
        5 => "7".into(),
        6 => "NaN".into(),
        7 => format!("{{'username': '{name}'}}"),
        8 => "{\"username\": 1e5, \"password\": 12}".into(),
        9 => "{\"username\": \"\\ud800\", \"password\": \"x\\u0000\"}".into(),
        10 => "true".into(),
        _ => "1.5".into(),
    }
}

fn odd_fields(name: &str, password: &str, draw: &mut Draw) -> Value {
    let odd = [json!(null), json!(true), json!([]), json!({}), json!(7), json!(["x"]), json!(1.25)];
    let odd = &odd[draw.below(odd.len())];
    match draw.below(5) {
        0 => json!({ "username": name }),
        1 => json!({ "password": password }),
        2 => json!({"username": odd, "password": password}),
        3 => json!({"username": name, "password": odd}),
        _ => json!({"username": odd, "password": odd}),
    }
}

/// A request with a token, a bad one, or none.
pub fn check(key: &str, draw: &mut Draw) -> Request {
    let path = draw.of(&["/me/", "/me/", "/open/?a=1", "/me/", "/missing/", "/me"]);
    let method = draw.of(&["GET", "GET", "GET", "HEAD", "POST", "DELETE", "OPTIONS"]);
    let request = Request::new(method, path);
    let value = match draw.below(20) {
        0..=8 => format!("Token {key}"),
        9 => format!("token  {key}"),
        10 => format!("TOKEN\t{key}"),
        11 => format!("Token {}", key.to_uppercase()),
        12 => format!("Token {}", "0".repeat(40)),
        13 => "Token".into(),
        14 => format!("Token {key} {key}"),
        15 => format!("Bearer {key}"),
        16 => format!("Token token=\"{key}\""),
        17 => key.into(),
        18 => return request.header("Authorization", b"Token \xff\xfe"),
        _ => return request,
    };
    request.header("Authorization", value)
}
