//! `/docs/`: it loads nothing from other hosts, and runs no scripts but its own.

use crate::support::app::{App, Kind};
use crate::support::http::Request;

/// The values of `src` and `href` in a page.
fn links(page: &str) -> Vec<String> {
    let after = |name: &'static str| page.split(name).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    after("src=\"").chain(after("href=\"")).collect()
}

#[test]
fn the_docs_page_links_work_with_and_without_its_trailing_slash() {
    let app = App::start(Kind::Sqlite);
    for (path, folder) in [("/docs", "/"), ("/docs/", "/docs/")] {
        let page = app.send(Request::new("GET", path));
        assert_eq!(page.status, 200);
        assert_eq!(page.header("Content-Type").as_deref(), Some("text/html; charset=utf-8"));
        let links = links(&page.text());
        assert_eq!(links.len(), 5);
        for link in links {
            assert!(
                !link.contains(':') && !link.starts_with('/'),
                "{link}: not on this server, or not below a proxy's path"
            );
            let target = format!("{folder}{link}").replace("/docs/../", "/");
            let answer = app.send(Request::new("GET", &target));
            assert_eq!(answer.status, 200, "{path}: {target}");
            assert_eq!(answer.header("X-Request-Id").map(|id| id.len()), Some(32));
        }
    }
}

#[test]
fn the_docs_policy_allows_no_inline_script_and_no_other_host() {
    let app = App::start(Kind::Sqlite);
    let page = app.send(Request::new("GET", "/docs/"));
    let policy = page.header("Content-Security-Policy").unwrap();
    let directives: Vec<&str> = policy.split("; ").collect();
    assert!(directives.contains(&"default-src 'none'") && directives.contains(&"script-src 'self'"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains("unsafe-eval"), "{policy}");
    assert!(!page.text().contains("<script>") && !page.text().contains("style="), "{}", page.text());
}

#[test]
fn the_docs_files_have_types_and_compression_and_no_other_files_are_served() {
    let app = App::start(Kind::Sqlite);
    for (name, media_type, coding) in [
        ("swagger-ui.css", "text/css", Some("gzip")),
        ("swagger-ui-bundle.js", "text/javascript", Some("gzip")),
        ("favicon-32x32.png", "image/png", Some("gzip")),
        ("start.js", "text/javascript; charset=utf-8", None),
    ] {
        let answer = app.send(Request::new("GET", &format!("/docs/{name}")));
        assert_eq!((answer.status, answer.header("Content-Type").as_deref()), (200, Some(media_type)), "{name}");
        assert_eq!(answer.header("Content-Encoding").as_deref(), coding, "{name}");
        assert_eq!(answer.body.starts_with(&[0x1f, 0x8b]), coding.is_some(), "{name}");
        assert_eq!(answer.header("X-Content-Type-Options").as_deref(), Some("nosniff"));
    }
    for name in ["index.html", "oauth2-redirect.html", "swagger-initializer.js", "mod.rs", "..%2fopenapi.json"] {
        assert_eq!(app.send(Request::new("GET", &format!("/docs/{name}"))).status, 404, "{name}");
    }
}
