//! Pages of lists as DRF's `PageNumberPagination` answers them.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, PageRequest};
use crate::http::AppState;
use crate::http::drf::body::{Charset, form};
use crate::http::edge::base_url;
use crate::http::error::HttpError;

/// What Python's `quote` leaves as it is.
pub const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of a request for a list.
pub struct ListQuery {
    pairs: Vec<(String, String)>,
    /// Which page.
    pub page: PageRequest,
}

/// A page as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(description = "A page of a list.")]
pub struct Answer<T> {
    /// Of all pages.
    #[schema(example = 1)]
    count: i64,
    /// The next page's URL.
    #[schema(required, format = "uri")]
    next: Option<String>,
    /// The URL of the one before.
    #[schema(required, format = "uri")]
    previous: Option<String>,
    results: Vec<T>,
}

impl ListQuery {
    /// # Errors
    /// 404 for a page that cannot be.
    pub fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let pairs = form(request.query_string().as_bytes(), Charset::Known(encoding_rs::UTF_8));
        let value = |name: &str| pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        let size = value("page_size").and_then(|size| size.parse::<u32>().ok()).filter(|size| *size > 0);
        let number = match value("page") {
            None | Some("") => 1,
            Some(number) => number.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(invalid_page)?,
        };
        let page = PageRequest { number, size: size.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE) };
        Ok(Self { pairs, page })
    }

    /// A parameter of the query; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The page with links to its neighbours.
    ///
    /// # Errors
    /// 404 for a page past the end.
    pub fn answer<T: Serialize>(
        &self,
        request: &HttpRequest,
        state: &AppState,
        page: Page<T>,
    ) -> Result<impl Serialize, HttpError> {
        let end = self.page.offset() + i64::from(self.page.size);
        if self.page.number > 1 && self.page.offset() >= page.count {
            return Err(invalid_page());
        }
        Ok(Answer {
            count: page.count,
            next: (end < page.count).then(|| self.link(request, state, self.page.number + 1)),
            previous: (self.page.number > 1).then(|| self.link(request, state, self.page.number - 1)),
            results: page.results,
        })
    }

    fn link(&self, request: &HttpRequest, state: &AppState, number: u32) -> String {
        let mut pairs: Vec<(&str, String)> = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        if number > 1 {
            pairs.push(("page", number.to_string()));
        }
        pairs.sort();
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| {
                format!("{}={}", utf8_percent_encode(name, QUOTED), utf8_percent_encode(value, QUOTED))
            })
            .collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{}{}{query}", base_url(request, state), request.path())
    }
}

fn invalid_page() -> HttpError {
    HttpError::Detail(StatusCode::NOT_FOUND, "Invalid page.".into())
}
