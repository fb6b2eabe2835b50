//! What the log says of proxies that `JETON_TRUSTED_PROXIES` does not name.

use serde_json::json;

use super::{LIMIT, bare};
use crate::support::http::Request;

/// What it says of the setting, having been asked for logins with this header.
fn told(trusted: &str, header: Option<&str>) -> Vec<String> {
    let server = bare().env("JETON_TRUSTED_PROXIES", trusted).serve();
    for _ in 0..3 {
        let request =
            Request::new("POST", "/api-token-auth/").json(&json!({"username": "nobody", "password": "wrong"}));
        let request = header.iter().fold(request, |request, name| request.header(name, "203.0.113.9"));
        request.send(server.addr);
    }
    server.signal("TERM");
    server.wait(LIMIT);
    let log = server.stderr();
    log.lines().filter(|line| line.contains("JETON_TRUSTED_PROXIES")).map(ToOwned::to_owned).collect()
}

#[test]
fn one_that_is_not_named_is_told_of_once_with_the_setting_to_write() {
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
        let told = told("10.0.0.0/8,192.0.2.1", Some(header));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("WARN") && told[0].contains(header), "{told:?}");
        assert!(told[0].contains("JETON_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1,127.0.0.1"), "{told:?}");
    }
    assert!(told("", Some("X-Forwarded-For"))[0].contains("JETON_TRUSTED_PROXIES=127.0.0.1"));
}

#[test]
fn nothing_is_said_of_one_that_is_named_nor_of_those_who_speak_for_themselves() {
    assert_eq!(told("127.0.0.1", Some("X-Forwarded-For")), Vec::<String>::new());
    assert_eq!(told("10.0.0.0/8", None), Vec::<String>::new());
}
