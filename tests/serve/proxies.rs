//! The log's warning about proxies that `JETON_TRUSTED_PROXIES` does not name.

use serde_json::json;

use super::{LIMIT, bare};
use crate::support::http::Request;

/// The log lines about the setting, after three logins with this header.
fn warnings(trusted: &str, header: Option<&str>) -> Vec<String> {
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
fn a_proxy_that_is_not_trusted_is_logged_once_with_the_setting_to_write() {
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
        let warnings = warnings("10.0.0.0/8,192.0.2.1", Some(header));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("WARN") && warnings[0].contains(header), "{warnings:?}");
        assert!(warnings[0].contains("JETON_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1,127.0.0.1"), "{warnings:?}");
    }
    assert!(warnings("", Some("X-Forwarded-For"))[0].contains("JETON_TRUSTED_PROXIES=127.0.0.1"));
}

#[test]
fn trusted_proxies_and_direct_clients_are_not_logged() {
    assert_eq!(warnings("127.0.0.1", Some("X-Forwarded-For")), Vec::<String>::new());
    assert_eq!(warnings("10.0.0.0/8", None), Vec::<String>::new());
}
