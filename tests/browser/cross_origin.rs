//! A browser application on another origin, in a real browser: it logs in and reads `/me`; a page of an origin that is not configured cannot.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::PASSWORD;
use crate::support::app::{App, Kind};
use crate::support::browser::Browser;

/// Serves an empty page on an address of its own, which is an origin of its own.
struct Page {
    addr: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Page {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, over) = (listener.local_addr().unwrap(), Arc::<AtomicBool>::default());
        let stop = Arc::clone(&over);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                thread::spawn(move || answer(&stream.unwrap()));
            }
        });
        Self { addr, over, thread: Some(thread) }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }
}

fn answer(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ended = BufReader::new(stream).lines().map_while(Result::ok).any(|line| line.is_empty());
    if ended {
        let page = "<!doctype html><title>An application</title><p>An application";
        let head = format!("Content-Type: text/html\r\nConnection: close\r\nContent-Length: {}", page.len());
        write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}").ok();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.addr).ok(); // wakes the listener
        self.thread.take().map(JoinHandle::join);
    }
}

/// The result of `fetch` in the open page: status, body and a header, or the name of the browser's error.
fn fetch(browser: &Browser, url: &str, options: &Value) -> Value {
    browser.run_async(&format!(
        "const done = arguments[arguments.length - 1];
         fetch('{url}', {options}).then(async answer => done([answer.status, await answer.text(),
             answer.headers.get('Retry-After')])).catch(error => done(error.name));"
    ))
}

#[test]
fn a_page_of_a_configured_origin_logs_in_and_another_page_reads_nothing() {
    let (named, stranger) = (Page::start(), Page::start());
    let settings = [("JETON_CORS_ORIGINS", named.origin()), ("JETON_LOGIN_LIMIT_USER", "1/min".into())];
    let app = App::with(Kind::Sqlite, &settings.each_ref().map(|(name, value)| (*name, value.as_str())));
    app.create_user("ada", PASSWORD, &json!({}));
    let at = |path: &str| format!("http://{}{path}", app.addr);
    let login = |password: &str| {
        let body = json!({"username": "ada", "password": password}).to_string();
        json!({"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body})
    };
    let browser = Browser::on(&app);

    browser.open_url(&named.origin());
    let answer = fetch(&browser, &at("/api-token-auth/"), &login(PASSWORD));
    assert_eq!(answer[0], 200, "{answer}");
    let key = serde_json::from_str::<Value>(answer[1].as_str().unwrap()).unwrap()["token"].clone();
    let bearing = json!({"headers": {"Authorization": format!("Token {}", key.as_str().unwrap())}});
    let me = fetch(&browser, &at("/me"), &bearing);
    assert_eq!(me[0], 200, "{me}");
    assert!(me[1].as_str().unwrap().contains("\"username\":\"ada\""), "{me}");
    assert_eq!(fetch(&browser, &at("/me"), &json!({}))[0], 401, "a refusal can be read");
    assert_eq!(fetch(&browser, &at("/api-token-auth/"), &login("wrong"))[0], 400);
    let throttled = fetch(&browser, &at("/api-token-auth/"), &login("wrong"));
    assert_eq!((&throttled[0], &throttled[2]), (&json!(429), &json!("60")), "{throttled}");
    assert_eq!(fetch(&browser, &at("/admin/users/"), &bearing), "TypeError", "pages may not call the admin API");

    browser.open_url(&stranger.origin());
    for (path, options) in [("/api-token-auth/", &login(PASSWORD)), ("/me", &bearing), ("/me", &json!({}))] {
        assert_eq!(fetch(&browser, &at(path), options), "TypeError", "{path}");
    }

    browser.open_url(&named.origin());
    let out = json!({"method": "POST", "headers": bearing["headers"]});
    assert_eq!(fetch(&browser, &at("/logout/"), &out)[0], 204);
    assert!(!app.is_good(key.as_str().unwrap()));
}
