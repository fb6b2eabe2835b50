//! The frame around every page, of the console and of `/account/`.

use crate::domain::rights::Rights;

/// Where the console's pages are.
pub const CONSOLE: &str = "/console";
/// Where users' own pages are.
pub const ACCOUNT: &str = "/account";

/// The frame around a page: title, navigation, notice.
pub struct Frame {
    /// Below what the page is: [`CONSOLE`] or [`ACCOUNT`].
    pub root: &'static str,
    /// The window's title.
    pub title: String,
    /// The navigation link of this page; empty: none.
    pub section: &'static str,
    /// The signed-in user.
    pub who: Option<CurrentUser>,
    /// A notice that is shown once.
    pub notice: Option<String>,
}

/// The signed-in user, as the frame shows them.
pub struct CurrentUser {
    pub username: String,
    /// Where their own page is.
    pub link: String,
    /// What that page is.
    pub link_title: &'static str,
    /// They decide which links the navigation has.
    pub rights: Rights,
    /// The form token of the sign-out button.
    pub form_token: String,
}

impl Frame {
    /// The frame of a page without a signed-in user.
    pub fn plain(root: &'static str, title: &str) -> Self {
        Self { root, title: title.to_owned(), section: "", who: None, notice: None }
    }
}
