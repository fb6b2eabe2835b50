//! `GET /docs/`: Swagger UI for `/openapi.json`. All its files are in the binary, and it may load nothing from other
//! hosts.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::drf;
use crate::http::endpoint::{Endpoint, Operation, text};
use crate::http::extract::Anyone;

const PAGE: &str = include_str!("index.html");
const START: &str = include_str!("start.js");

/// The files of Swagger UI that the page uses.
const ASSETS: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// No inline script, no other host. Swagger UI sets inline styles, and its pictures are `data:` in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/docs/", "docs", "A page that shows this document and can send requests")
            .answers_text("The page.", "text/html", text())
            .to(docs)
            .without_options(),
        Operation::get("/docs/{file}", "docs_file", "A file of the page").to(file).without_options().undocumented(),
    ]
}

/// The page. Its links are relative, because a proxy may serve it under another path.
async fn docs(_: Anyone, request: HttpRequest) -> HttpResponse {
    let (folder, document) =
        if request.path().ends_with('/') { ("", "../openapi.json") } else { ("docs/", "openapi.json") };
    let page = PAGE.replace("{folder}", folder).replace("{document}", document);
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).insert_header((CACHE_CONTROL, "no-cache"));
    answer.insert_header((CONTENT_SECURITY_POLICY, POLICY)).insert_header((REFERRER_POLICY, "no-referrer"));
    answer.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff")).body(page)
}

/// A file of the page. It is compressed at build time: every browser that runs Swagger UI accepts gzip.
async fn file(_: Anyone, name: web::Path<String>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "max-age=3600")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if *name == "start.js" {
        return answer.insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8")).body(START);
    }
    let known = ASSETS.contains(&name.as_str());
    let config = Arc::new(utoipa_swagger_ui::Config::default());
    let Some(file) = known.then(|| utoipa_swagger_ui::serve(&name, config)).and_then(Result::ok).flatten() else {
        return drf::not_found().await;
    };
    if file.gzpipped {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    answer.insert_header((CONTENT_TYPE, file.content_type)).body(match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    })
}
