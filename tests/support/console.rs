//! A browser without scripts: it keeps cookies, and sends forms with the form token of the last page.

use std::collections::BTreeMap;

use jeton::http::WebPage;

use super::app::App;
use super::http::{Answer, Request};

pub struct Visit<'a> {
    app: &'a App,
    pub cookies: Vec<(String, String)>,
    pub form_token: String,
    headers: Vec<(String, String)>,
}

impl<'a> Visit<'a> {
    pub fn new(app: &'a App) -> Self {
        Self { app, cookies: Vec::new(), form_token: String::new(), headers: Vec::new() }
    }

    /// A signed-in user.
    #[track_caller]
    pub fn by(app: &'a App, (username, password): (&str, &str)) -> Self {
        let mut visit = Self::new(app);
        let answer = visit.sign_in(username, password);
        assert_eq!((answer.status, answer.header("Location").as_deref()), (303, Some("/console/")), "{answer:?}");
        visit
    }

    /// A user who is signed in at `/account/`.
    #[track_caller]
    pub fn at_account(app: &'a App, (username, password): (&str, &str)) -> Self {
        let mut visit = Self::new(app);
        let answer = visit.sign_in_at_account(username, password);
        assert_eq!((answer.status, answer.header("Location").as_deref()), (303, Some("/account/")), "{answer:?}");
        visit
    }

    /// The same visit, with a header that each request sends.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(Request::new("GET", path))
    }

    /// A page that must exist, as text.
    #[track_caller]
    pub fn page(&mut self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.text()
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token.clone();
        let fields: Vec<_> = [("form_token", token.as_str())].iter().chain(fields).copied().collect();
        self.send(Request::new("POST", path).form(&fields))
    }

    /// Sends a form that must succeed, and returns the page to which it redirects.
    #[track_caller]
    pub fn done(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        self.page(&answer.header("Location").unwrap())
    }

    /// Opens a page, or sends its form without fields.
    pub fn visit(&mut self, root: &str, page: &WebPage) -> Answer {
        let path = path_of(root, page);
        if page.method() == "POST" { self.post(&path, &[]) } else { self.get(&path) }
    }

    pub fn sign_in(&mut self, username: &str, password: &str) -> Answer {
        self.get("/console/sign-in");
        self.post("/console/sign-in", &[("username", username), ("password", password)])
    }

    pub fn sign_in_at_account(&mut self, username: &str, password: &str) -> Answer {
        self.get("/account/sign-in");
        self.post("/account/sign-in", &[("username", username), ("password", password)])
    }

    /// Whether the session is still valid.
    #[track_caller]
    pub fn is_signed_in(&mut self) -> bool {
        let answer = self.get("/console/");
        assert!([200, 303].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }

    pub fn send(&mut self, request: Request) -> Answer {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if pairs.is_empty() { request } else { request.header("Cookie", pairs.join("; ")) };
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = self.app.send(request);
        for set in answer.headers_named("Set-Cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if let Some((_, rest)) = text.split_once("name=\"form_token\" value=\"") {
            rest.split('"').next().unwrap().clone_into(&mut self.form_token);
        }
        answer
    }
}

/// The secret that a page shows once.
#[track_caller]
pub fn secret(page: &str) -> String {
    let (_, rest) = page.split_once("<input id=\"secret\"").unwrap_or_else(|| panic!("no secret in {page}"));
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The path of a page below `root`, with names and ids that do not exist.
pub fn path_of(root: &str, page: &WebPage) -> String {
    let parts = page.path().split(['{', '}']).enumerate();
    parts.fold(root.to_owned(), |path, (at, part)| path + if at % 2 == 0 { part } else { "0" })
}

/// A form that is larger than any may be.
pub fn too_large(path: &str) -> Request {
    Request::new("POST", path).form(&[("x", &"x".repeat(64 * 1024))])
}

/// Checks that each path takes the methods of its pages and no others, and lists them in `Allow`.
#[track_caller]
pub fn assert_allowed(app: &App, root: &str, pages: &[WebPage]) {
    let mut paths = BTreeMap::<_, Vec<_>>::new();
    for page in pages {
        paths.entry(path_of(root, page)).or_default().push(page.method().as_str());
    }
    for (path, methods) in paths {
        let allowed = methods.join(", ").replace("GET", "GET, HEAD");
        for path in [path.clone(), format!("{path}/")] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                let answer = app.send(Request::new(method, &path));
                let is_allowed = allowed.split(", ").any(|one| one == method);
                assert_eq!(answer.status == 405, !is_allowed, "{method} {path}: {}", answer.status);
                assert_eq!(answer.headers_named("Allow"), [allowed.as_str()], "{method} {path}");
            }
        }
    }
}
