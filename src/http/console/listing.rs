//! Pages of long lists, and the links between them.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use askama::filters::HtmlSafe;
use percent_encoding::utf8_percent_encode;

use super::page::Refusal;
use crate::domain::page::{NumberedPage, Page, PageRequest};
use crate::http::drf::body::{Charset, form};
use crate::http::drf::pagination::QUOTED;

/// How many rows a page has.
const PAGE_SIZE: u32 = 25;

/// The query string of a list.
pub struct Listing {
    path: String,
    /// The parameter with the number of the page.
    number_name: &'static str,
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
    /// The pages around this one, the first and the last.
    pages: Vec<PageLink>,
}

/// A link to a page by its number.
struct PageLink {
    number: u32,
    link: String,
    /// Whether pages before it are left out.
    is_after_gap: bool,
}

impl HtmlSafe for Pager {}

impl Listing {
    /// # Errors
    /// 404 for a page number that is not valid.
    pub fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        Self::numbered_by(request, "page", PAGE_SIZE)
    }

    /// The same for the list of a page at another path.
    ///
    /// # Errors
    /// As [`Listing::of`].
    pub fn of_path(request: &HttpRequest, path: &str) -> Result<Self, Refusal> {
        Ok(Self { path: path.to_owned(), ..Self::of(request)? })
    }

    /// A list whose pages have `size` rows, and whose number is in this parameter, because the page has another list.
    ///
    /// # Errors
    /// As [`Listing::of`].
    pub fn numbered_by(request: &HttpRequest, number_name: &'static str, size: u32) -> Result<Self, Refusal> {
        let pairs = form(request.query_string().as_bytes(), Charset::Known(encoding_rs::UTF_8));
        let (path, page) = (request.path().to_owned(), PageRequest::number(1, size));
        let listing = Self { path, number_name, pairs, page };
        let number = match listing.get(number_name) {
            "" => 1,
            text => text.parse().ok().filter(|number| *number > 0).ok_or_else(no_such_page)?,
        };
        Ok(Self { page: PageRequest::number(number, size), ..listing })
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
        Ok(self.links(page, end.min(count), count.to_string(), end < count, self.page.last_of(count)))
    }

    /// The links for a list of which at most `most` rows are counted; beyond that they say "more than".
    ///
    /// # Errors
    /// 404 for a page past the end.
    pub fn pager_counting<T>(&self, shown: &Page<T>, most: u32) -> Result<Pager, Refusal> {
        if shown.count > most.into() { self.pager_of_many(most, shown.results.len()) } else { self.pager(shown.count) }
    }

    /// As [`Listing::pager_counting`], for a list of which only the first `most` rows have pages.
    ///
    /// # Errors
    /// 404 for a page past these.
    pub fn pager_up_to<T>(&self, shown: &Page<T>, most: u32) -> Result<Pager, Refusal> {
        if shown.count <= most.into() {
            return self.pager(shown.count);
        }
        let last = self.page.last_of(most.into());
        if self.page.in_list(most.into()).number > last {
            return Err(no_such_page());
        }
        let pager = self.pager_of_many(most, shown.results.len())?;
        Ok(Pager { next: pager.next.filter(|_| pager.number < last), ..pager })
    }

    /// The links for a list of more than `most` rows, of which this page shows `rows`.
    fn pager_of_many(&self, most: u32, rows: usize) -> Result<Pager, Refusal> {
        if rows == 0 {
            return Err(no_such_page());
        }
        let page = self.page.in_list(most.into());
        let is_full = rows >= page.size as usize;
        let last = page.offset() + i64::try_from(rows).unwrap_or(i64::MAX);
        Ok(self.links(page, last, more_than(most), is_full, self.page.last_of(most.into())))
    }

    fn links(&self, page: NumberedPage, last: i64, all: String, has_more: bool, last_page: u32) -> Pager {
        let number = page.number;
        let to = |number: u32| self.link(self.number_name, &number.to_string());
        Pager {
            number,
            first: page.offset() + 1,
            last,
            all,
            previous: (number > 1).then(|| to(number - 1)),
            next: has_more.then(|| to(number + 1)),
            pages: numbers(number, last_page)
                .map(|(number, is_after_gap)| PageLink { number, link: to(number), is_after_gap })
                .collect(),
        }
    }

    /// A link to another page about the same list.
    pub fn link_at(&self, path: &str) -> String {
        let quoted = |text| utf8_percent_encode(text, QUOTED);
        let kept = self.pairs.iter().filter(|(name, value)| name != self.number_name && !value.is_empty());
        let query: Vec<String> = kept.map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    /// All values of a parameter that may be there several times.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.trim()).collect()
    }

    /// A link to the same list with one parameter changed. It starts at the first page, unless that parameter is
    /// the page's number.
    pub fn link(&self, name: &str, value: &str) -> String {
        let kept =
            self.pairs.iter().filter(|(known, value)| known != name && known != self.number_name && !value.is_empty());
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        let quoted = |text| utf8_percent_encode(text, QUOTED);
        let query: Vec<String> = pairs.map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
        format!("{}?{}", self.path, query.join("&"))
    }
}

/// A number of rows of which at most `most` are counted.
pub fn number_up_to(count: i64, most: u32) -> String {
    if count > most.into() { more_than(most) } else { count.to_string() }
}

fn more_than(most: u32) -> String {
    format!("more than {most}")
}

/// The pages that have links: the first, the last, this one and its neighbours; and whether there is a gap before each.
fn numbers(number: u32, last: u32) -> impl Iterator<Item = (u32, bool)> {
    let mut shown = vec![1, last.max(1)];
    shown.extend(number.saturating_sub(2).max(1)..=number.saturating_add(2).min(last.max(number)));
    shown.sort_unstable();
    shown.dedup();
    let mut before = 0;
    shown.into_iter().map(move |number| (number, number > std::mem::replace(&mut before, number) + 1))
}

fn no_such_page() -> Refusal {
    Refusal::Page(StatusCode::NOT_FOUND, "This list has no such page.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_links_the_ends_and_the_neighbours() {
        let text = |number, last| -> String {
            let shown =
                numbers(number, last).map(|(number, gap)| format!("{}{number}", if gap { " .. " } else { " " }));
            shown.collect::<String>().trim().to_owned()
        };
        assert_eq!(text(1, 1), "1");
        assert_eq!(text(1, 3), "1 2 3");
        assert_eq!(text(1, 40), "1 2 3 .. 40");
        assert_eq!(text(20, 40), "1 .. 18 19 20 21 22 .. 40");
        assert_eq!(text(40, 40), "1 .. 38 39 40");
        assert_eq!(text(45, 40), "1 .. 40 .. 43 44 45", "past what is counted");
    }
}
