//! A real Chromium, driven over the W3C WebDriver protocol by Debian's chromedriver.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::app::App;
use super::http::{Answer, Request};
use super::process::Process;
use super::{eventually, within};

const LIMIT: Duration = Duration::from_secs(20);
/// A busy machine starts a browser slowly.
const START: Duration = Duration::from_mins(1);
/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// A separate browser with one window; closed when dropped.
pub struct Browser {
    driver: SocketAddr,
    session: String,
    site: SocketAddr,
    process: Process,
}

impl Browser {
    pub fn on(app: &App) -> Self {
        let driver = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={}", driver.port())).stdin(Stdio::null());
        let process = Process::start(&mut command);
        eventually("chromedriver listens", START, || {
            assert!(process.try_wait().is_none(), "chromedriver ended: {process:?}");
            TcpStream::connect(driver).ok()
        });
        let mut browser = Self { driver, session: String::new(), site: app.addr, process };
        // As root, Chromium cannot have a sandbox. It ends when the pipe is closed, however chromedriver ends.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--no-proxy-server",
            "--lang=en-GB",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } });
        let made = browser.command("POST", "", &wanted);
        browser.session = format!("/{}", made["sessionId"].as_str().unwrap());
        browser.resize(1200, 900);
        browser
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let request = Request::new(method, &format!("/session{}{path}", self.session));
        let request = if method == "POST" { request.json(body) } else { request };
        let mut answer = send(self.driver, method, &request).json();
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    /// A command of the DevTools protocol.
    pub fn tools(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", &size);
    }

    pub fn dark(&self, dark: bool) {
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.tools("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }));
    }

    #[track_caller]
    pub fn open(&self, path: &str) {
        self.open_url(&format!("http://{}{path}", self.site));
    }

    /// A page of another site.
    #[track_caller]
    pub fn open_url(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// The path of the current page.
    pub fn path(&self) -> String {
        let url = self.command("GET", "/url", &Value::Null);
        url.as_str().unwrap().strip_prefix(&format!("http://{}", self.site)).unwrap().to_owned()
    }

    /// The value of a script's `return`.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The value that a script passes to its callback, which is its last argument.
    #[track_caller]
    pub fn run_async(&self, script: &str) -> Value {
        self.command("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// The element at this XPath, as soon as the page has it.
    #[track_caller]
    fn find(&self, xpath: &str) -> String {
        let wanted = json!({ "using": "xpath", "value": xpath });
        let find = || self.try_command("POST", "/element", &wanted).ok();
        let Some(found) = within(LIMIT, find) else {
            panic!("no {xpath} at {}: {}", self.path(), self.run("return document.body.innerText"))
        };
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks the button or link with this text.
    #[track_caller]
    pub fn click(&self, text: &str) {
        self.click_at(&format!("//*[(self::button or self::a) and normalize-space()='{text}']"));
    }

    #[track_caller]
    pub fn click_at(&self, xpath: &str) {
        let element = self.find(xpath);
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Replaces the value of the field with this label.
    #[track_caller]
    pub fn fill(&self, label: &str, text: &str) {
        let element = self.find(&format!("//*[@id=//label[normalize-space()='{label}']/@for]"));
        self.command("POST", &format!("/element/{element}/clear"), &json!({}));
        self.command("POST", &format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Chooses the option with this text of the list with this label.
    #[track_caller]
    pub fn choose(&self, label: &str, option: &str) {
        self.click_at(&format!(
            "//*[@id=//label[normalize-space()='{label}']/@for]/option[normalize-space()='{option}']"
        ));
    }

    /// Reloads the page, as the Reload button does. If the page is the answer to a form, this sends the form again.
    pub fn reload(&self) {
        self.command("POST", "/refresh", &json!({}));
    }

    /// Goes back to the previous page, as the Back button does.
    pub fn back(&self) {
        self.command("POST", "/back", &json!({}));
    }

    /// Presses keys, whatever has the focus.
    pub fn press(&self, keys: &str) {
        let key = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }));
        let actions: Vec<Value> = keys.chars().flat_map(key).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.command("POST", "/actions", &json!({ "actions": [keyboard] }));
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        // This fails while one page replaces another.
        let body = || {
            self.try_command(
                "POST",
                "/execute/sync",
                &json!({ "script": "return document.body.innerText", "args": [] }),
            )
        };
        let shown = within(LIMIT, || body().ok()?.as_str().filter(|body| body.contains(text)).map(drop));
        assert!(shown.is_some(), "no {text:?} at {}: {}", self.path(), body().unwrap());
    }

    /// Waits until a script's `return` is true.
    #[track_caller]
    pub fn until(&self, script: &str) {
        let script = json!({ "script": script, "args": [] });
        eventually(script["script"].as_str().unwrap(), LIMIT, || {
            let value = self.try_command("POST", "/execute/sync", &script).ok()?;
            (value == json!(true)).then_some(())
        });
    }

    #[track_caller]
    pub fn sign_in(&self, (username, password): (&str, &str)) {
        self.open("/console/");
        self.fill("Username", username);
        self.fill("Password", password);
        self.click("Sign in");
        self.sees("Sign out");
    }

    /// A picture of the window, as PNG in base64.
    pub fn picture(&self) -> String {
        self.command("GET", "/screenshot", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The console shows no error since the last call, and no request went to another host.
    #[track_caller]
    pub fn assert_clean(&self) {
        let log = |kind: &str| self.command("POST", "/se/log", &json!({ "type": kind }));
        let page = format!("http://{}/", self.site);
        for entry in log("browser").as_array().unwrap() {
            let words = entry["message"].as_str().unwrap();
            // To a browser, a page with an error status is an error.
            let is_page_error =
                words.starts_with(&page) && !words.contains("/assets/") && words.contains("with a status of 4");
            let is_quiet = !["SEVERE", "WARNING"].contains(&entry["level"].as_str().unwrap());
            assert!(is_page_error || is_quiet, "{entry}");
        }
        let mut requests = 0;
        for entry in log("performance").as_array().unwrap() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            if message["message"]["method"] == "Network.requestWillBeSent" {
                let url = message["message"]["params"]["request"]["url"].as_str().unwrap();
                // The browser's own pictures, such as that of a date field, are not requests.
                assert!(url.starts_with(&page) || url.starts_with("data:"), "a request to another host: {url}");
                requests += 1;
            }
        }
        assert!(requests > 0, "the log has the page's requests");
    }
}

/// Reads to the end of the answer, not of the connection: a Chromium that chromedriver starts meanwhile inherits that.
#[track_caller]
fn send(driver: SocketAddr, method: &str, request: &Request) -> Answer {
    let mut stream = TcpStream::connect(driver).expect("chromedriver listens");
    stream.set_read_timeout(Some(START)).unwrap();
    stream.write_all(&request.bytes(driver)).unwrap();
    let (mut got, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut piece).expect("an answer of chromedriver's in time");
        got.extend(&piece[..read]);
        match Answer::parse(method, &got) {
            Ok(answer) => return answer,
            Err(why) => assert!(read > 0, "{why}: {}", String::from_utf8_lossy(&got)),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && self.process.try_wait().is_none() {
            self.try_command("DELETE", "", &Value::Null).ok();
        }
    }
}
