//! Pages of lists as DRF's `PageNumberPagination` answers them.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, PageRequest};
use crate::http::answer;
use crate::http::error::{Answered, HttpError};
use crate::http::peer::base_url;
use crate::http::state::AppState;

/// What is percent-encoded in a URL: everything but letters, digits and `-._~`.
pub const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of a request for a list.
pub struct ListQuery {
    request: HttpRequest,
    query: Query,
    /// Which page.
    pub page: PageRequest,
}

/// A page as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(description = "A page of a list.")]
pub struct PageAnswer<T> {
    /// The number of items on all pages.
    #[schema(example = 1)]
    count: i64,
    /// The next page's URL.
    #[schema(required, format = "uri", example = "https://tokens.example.com/tokens/?page=3")]
    next: Option<String>,
    /// The previous page's URL.
    #[schema(required, format = "uri", example = "https://tokens.example.com/tokens/")]
    previous: Option<String>,
    results: Vec<T>,
}

impl ListQuery {
    /// # Errors
    /// 404 for a page number that is not valid.
    pub fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let query = Query::of(request);
        let size = query.get("page_size").trim().parse::<u32>().ok().filter(|size| *size > 0);
        let size = size.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE);
        let page = match query.get("page").trim() {
            "" => PageRequest::number(1, size),
            "last" => PageRequest::last(size),
            number => {
                let number = number.parse::<u32>().ok().filter(|number| *number > 0);
                PageRequest::number(number.ok_or_else(invalid_page)?, size)
            }
        };
        Ok(Self { request: request.clone(), query, page })
    }

    /// A parameter of the query; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.query.get(name)
    }

    /// The answer: the page, with links to its neighbours.
    ///
    /// # Errors
    /// 404 for a page past the end.
    pub fn answer<T: Serialize>(&self, state: &AppState, page: Page<T>) -> Answered {
        let this = self.page.in_list(page.count);
        let end = this.offset() + i64::from(this.size);
        if this.number > 1 && this.offset() >= page.count {
            return Err(invalid_page());
        }
        let answer = PageAnswer {
            count: page.count,
            next: (end < page.count).then(|| self.link(state, this.number + 1)),
            previous: (this.number > 1).then(|| self.link(state, this.number - 1)),
            results: page.results,
        };
        Ok(answer::json(StatusCode::OK, &answer))
    }

    fn link(&self, state: &AppState, number: u32) -> String {
        let mut pairs: Vec<(&str, String)> = self
            .query
            .pairs()
            .iter()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        if number > 1 {
            pairs.push(("page", number.to_string()));
        }
        // As DRF does it: sorted by name, while the values of a repeated parameter keep their order.
        pairs.sort_by_key(|(name, _)| *name);
        let query: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", quote_plus(name), quote_plus(value))).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{}{}{query}", base_url(&self.request, state), self.request.path())
    }
}

/// Python's `quote_plus`.
fn quote_plus(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string().replace("%20", "+")
}

fn invalid_page() -> HttpError {
    HttpError::Detail(StatusCode::NOT_FOUND, "Invalid page.".into())
}
