//! Pages of long lists, and the links between them.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use askama::filters::HtmlSafe;
use percent_encoding::utf8_percent_encode;

use super::page::Refusal;
use crate::domain::page::{NumberedPage, PageRequest};
use crate::http::drf::body::{Charset, form};
use crate::http::drf::pagination::QUOTED;

/// How many rows a page has.
const PAGE_SIZE: u32 = 25;

/// The query string of a list.
pub struct Listing {
    path: String,
    pairs: Vec<(String, String)>,
    /// Which page.
    pub page: PageRequest,
}

/// Links to the neighbours of a page.
#[derive(Template)]
#[template(path = "console/pager.html")]
pub struct Pager {
    number: u32,
    first: i64,
    last: i64,
    /// How many rows there are, as text.
    all: String,
    previous: Option<String>,
    next: Option<String>,
}

impl HtmlSafe for Pager {}

impl Listing {
    /// # Errors
    /// 404 for a page number that is not valid.
    pub fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        Self::of_path(request, request.path())
    }

    /// The same for the list of a page at another path.
    ///
    /// # Errors
    /// As [`Listing::of`].
    pub fn of_path(request: &HttpRequest, path: &str) -> Result<Self, Refusal> {
        let pairs = form(request.query_string().as_bytes(), Charset::Known(encoding_rs::UTF_8));
        let listing = Self { path: path.to_owned(), pairs, page: PageRequest::number(1, PAGE_SIZE) };
        let number = match listing.get("page") {
            "" => 1,
            text => text.parse().ok().filter(|number| *number > 0).ok_or_else(no_such_page)?,
        };
        Ok(Self { page: PageRequest::number(number, PAGE_SIZE), ..listing })
    }

    /// A parameter, trimmed; empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The links for a list of `count` rows.
    ///
    /// # Errors
    /// 404 for a page past the end.
    pub fn pager(&self, count: i64) -> Result<Pager, Refusal> {
        let page = self.page.in_list(count);
        if page.number > 1 && page.offset() >= count {
            return Err(no_such_page());
        }
        let end = page.offset() + i64::from(page.size);
        Ok(self.links(page, end.min(count), count.to_string(), end < count))
    }

    /// The links for a list of more than `most` rows, of which this page shows `rows`.
    ///
    /// # Errors
    /// 404 for a page past the end.
    pub fn pager_of_many(&self, most: u32, rows: usize) -> Result<Pager, Refusal> {
        if rows == 0 {
            return Err(no_such_page());
        }
        let page = self.page.in_list(most.into());
        let is_full = rows >= page.size as usize;
        let last = page.offset() + i64::try_from(rows).unwrap_or(i64::MAX);
        Ok(self.links(page, last, format!("more than {most}"), is_full))
    }

    fn links(&self, page: NumberedPage, last: i64, all: String, has_more: bool) -> Pager {
        let number = page.number;
        Pager {
            number,
            first: page.offset() + 1,
            last,
            all,
            previous: (number > 1).then(|| self.link("page", &(number - 1).to_string())),
            next: has_more.then(|| self.link("page", &(number + 1).to_string())),
        }
    }

    /// A link to the same list with one parameter changed. It starts at the first page, unless that parameter is
    /// `page`.
    pub fn link(&self, name: &str, value: &str) -> String {
        let kept = self.pairs.iter().filter(|(known, value)| known != name && known != "page" && !value.is_empty());
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        let quoted = |text| utf8_percent_encode(text, QUOTED);
        let query: Vec<String> = pairs.map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
        format!("{}?{}", self.path, query.join("&"))
    }
}

fn no_such_page() -> Refusal {
    Refusal::Page(StatusCode::NOT_FOUND, "This list has no such page.".into())
}
