//! The list of users as a CSV file: what the filters and the search show, all pages.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};

use super::listing::Listing;
use super::page::PageResult;
use super::signed_in::SignedIn;
use super::user_filter::{MAX_FOUND, ReadFilter, read, require_valid};
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::http::state::State;

const COLUMNS: [&str; 12] = [
    "id",
    "external_id",
    "username",
    "first_name",
    "last_name",
    "email",
    "groups",
    "is_active",
    "role",
    "date_joined",
    "last_login",
    "live_tokens",
];

/// The file. It has as many rows as the list has pages for.
pub async fn download(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let ReadFilter { filter, faults } = read(&listing);
    require_valid(&faults)?;
    let caller = &signed_in.caller;
    let mut file = line(COLUMNS.map(str::to_owned));
    for number in 1..=MAX_FOUND / MAX_PAGE_SIZE {
        let page = PageRequest::number(number, MAX_PAGE_SIZE);
        // Nothing is counted: the next page is read if this one is full.
        let users = state.service.accounts.list_users(filter.clone(), page, Some(0), caller).await?.results;
        let ids = users.iter().map(|user| user.id).collect();
        let counts = state.service.tokens.count_tokens_by_user(ids, caller).await?;
        for user in &users {
            file += &row(user, counts.get(&user.id).copied().unwrap_or(0));
        }
        if users.len() < MAX_PAGE_SIZE as usize {
            break;
        }
    }
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"));
    answer.insert_header((CONTENT_DISPOSITION, "attachment; filename=\"users.csv\""));
    Ok(answer.body(file))
}

fn row(user: &User, tokens: i64) -> String {
    let role = match (user.is_superuser, user.is_staff) {
        (true, _) => "superuser",
        (false, true) => "staff",
        (false, false) => "",
    };
    let moment = |moment: Timestamp| moment.to_string();
    line([
        user.id.to_string(),
        user.external_id.clone().unwrap_or_default(),
        user.username.clone(),
        user.profile.first_name.clone(),
        user.profile.last_name.clone(),
        user.profile.email.clone(),
        user.groups.join("; "),
        user.is_active.to_string(),
        role.to_owned(),
        moment(user.date_joined),
        user.last_login.map(moment).unwrap_or_default(),
        tokens.to_string(),
    ])
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    cells.map(|text| cell(&text)).join(",") + "\r\n"
}

/// A cell in quotation marks. A spreadsheet takes a text that begins with one of these signs for a formula, which may
/// send other cells away: an apostrophe before it makes it text.
fn cell(text: &str) -> String {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        for (text, written) in [
            ("bob", "\"bob\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=1+1", "\"'=1+1\""),
            ("@sum(a1)", "\"'@sum(a1)\""),
            ("-2", "\"'-2\""),
            ("+49", "\"'+49\""),
            ("\t=1", "\"'\t=1\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
