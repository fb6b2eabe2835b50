//! The frame around every page of `/account/`.

/// The frame around every page: title, navigation, notice.
pub struct Frame {
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
    /// Whether they may open the console.
    pub is_staff: bool,
    /// The form token of the sign-out button.
    pub form_token: String,
}

impl Frame {
    /// The frame of a page without a signed-in user.
    pub fn plain(title: &str) -> Self {
        Self { title: title.to_owned(), section: "", who: None, notice: None }
    }
}
