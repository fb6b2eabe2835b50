//! `/account/`: web pages on which users manage their own tokens, password and name, and the page that a link for a
//! password leads to. Made as the console is, with sessions of their own.

mod error_page;
mod pages;
mod password;
mod password_link;
mod profile;
mod sign_in;
mod sign_out;
mod signed_in;
mod start;
mod tokens;

use actix_web::middleware::from_fn;
use actix_web::web;

use super::console::frame::ACCOUNT;
use super::console::{WebPage, not_found, scope, with_security_headers};
pub use pages::account_pages;

/// The rules for passwords, as a hint.
const PASSWORD_RULES: &str = "At least 8 characters, not only digits, not a common password, and not like your name or \
                              e-mail address";

/// The routes of the pages, and of `/` for browsers.
pub fn routes(config: &mut web::ServiceConfig) {
    let pages = scope(ACCOUNT, account_pages());
    let pages = pages.wrap(from_fn(error_page::in_own_frame)).wrap(from_fn(with_security_headers));
    config.service(pages.default_service(web::to(not_found))).configure(start::routes);
}
