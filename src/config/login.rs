//! The operator's settings for the login: its paths, the package whose requests and answers it has, and which names
//! users log in by.

use super::reader::Reader;
use super::setting::plain;
use super::setting_parsers;
use crate::domain::user::UsernameCase;
use crate::http::LoginOptions;

pub fn login(from: &mut Reader<'_>) -> (LoginOptions, UsernameCase) {
    let options = LoginOptions {
        format: from.under("Login").read(
            plain("JETON_LOGIN_FORMAT", "drf", "whose login it is like: drf, knox, djoser or dj-rest-auth"),
            setting_parsers::login_format,
        ),
        paths: from.read(
            plain(
                "JETON_LOGIN_PATHS",
                "/api-token-auth/",
                "where the login is, for example /auth/token/login/; /api-token-auth/ stays a login",
            ),
            setting_parsers::login_paths,
        ),
        by: from.read(
            plain(
                "JETON_LOGIN_BY",
                "username",
                "what users log in by: username, email, or username,email; an e-mail of two users logs nobody in",
            ),
            setting_parsers::login_by,
        ),
        fields: from
            .maybe(
                plain("JETON_LOGIN_FIELDS", "", "fields of the user to add to the login's answer: user_id,email,..."),
                setting_parsers::login_fields,
            )
            .unwrap_or_default(),
    };
    let username_case = from.read(
        plain(
            "JETON_USERNAME_CASE",
            "exact",
            "exact: case counts in names and e-mails of logins; ignore: it does not, and no two names may differ by it only",
        ),
        setting_parsers::username_case,
    );
    (options, username_case)
}
