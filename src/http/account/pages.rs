//! All pages of `/account/`.

use super::{WebPage, password, password_link, profile, sign_in, sign_out, tokens};
use crate::http::console::assets;

/// All pages, in the order in which their paths are compared with a request's.
#[must_use]
pub fn account_pages() -> Vec<WebPage> {
    vec![
        WebPage::page("", tokens::show),
        WebPage::page("/sign-in", sign_in::show),
        WebPage::form("/sign-in", sign_in::sign_in),
        WebPage::form("/sign-out", sign_out::sign_out),
        WebPage::form("/tokens", tokens::create),
        WebPage::form("/tokens/{id}/revoke", tokens::revoke),
        WebPage::page("/password", password::show),
        WebPage::form("/password", password::change),
        WebPage::page("/password/{key}", password_link::show),
        WebPage::form("/password/{key}", password_link::set_password),
        WebPage::page("/profile", profile::show),
        WebPage::form("/profile", profile::save),
        WebPage::page("/assets/{name}", assets::asset),
    ]
}
