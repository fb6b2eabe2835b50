//! The operator's settings for requests and answers.

use actix_web::http::header::HeaderName;
use ipnet::IpNet;

use crate::domain::user::LoginBy;

/// The operator's settings for requests and answers; see the settings of the same names.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Keywords accepted in `Authorization`; the first one is the challenge.
    pub auth_keywords: Vec<String>,
    /// Where a key may be sent, beside `Authorization`.
    pub keys: KeySources,
    /// The login.
    pub login: LoginOptions,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Whether `/auth/verify` lets preflights through.
    pub verify_preflight: bool,
}

/// Where the login is, and which package's login it is like.
#[derive(Clone, Debug, Default)]
pub struct LoginOptions {
    /// The package whose requests it takes, and whose answers it gives.
    pub format: LoginFormat,
    /// Paths beside `/api-token-auth/`, each with a slash at its end.
    pub paths: Vec<String>,
    /// Whether the name of a login is a username or an e-mail address, or may be either.
    pub by: LoginBy,
    /// Fields of the user that its answer adds.
    pub fields: Vec<String>,
}

/// A package for Django with a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginFormat {
    /// Django REST framework (`rest_framework/authtoken/views.py::ObtainAuthToken`).
    #[default]
    Drf,
    /// django-rest-knox (`knox/views.py::LoginView`).
    Knox,
    /// djoser (`djoser/views.py::TokenCreateView`).
    Djoser,
    /// dj-rest-auth (`dj_rest_auth/views.py::LoginView`), as with django-allauth.
    DjRestAuth,
}

/// The path that is always a login.
pub const LOGIN_PATH: &str = "/api-token-auth/";

impl LoginOptions {
    /// All paths of the login.
    #[must_use]
    pub fn all_paths(&self) -> Vec<String> {
        let more = self.paths.iter().cloned();
        std::iter::once(LOGIN_PATH.to_owned()).chain(more.filter(|path| path != LOGIN_PATH)).collect()
    }

    /// The name of the superuser that a first start creates: one that can log in.
    #[must_use]
    pub const fn first_admin(&self) -> &'static str {
        if self.by.takes_username() { "admin" } else { "admin@localhost" }
    }

    /// The field of the body that holds the name.
    #[must_use]
    pub const fn name_field(&self) -> &'static str {
        match self.format {
            LoginFormat::Drf | LoginFormat::Knox => "username",
            LoginFormat::Djoser | LoginFormat::DjRestAuth if self.by.takes_username() => "username",
            LoginFormat::Djoser | LoginFormat::DjRestAuth => "email",
        }
    }

    /// The field of the answer that holds the key.
    #[must_use]
    pub const fn key_field(&self) -> &'static str {
        match self.format {
            LoginFormat::Drf | LoginFormat::Knox => "token",
            LoginFormat::Djoser => "auth_token",
            LoginFormat::DjRestAuth => "key",
        }
    }
}

/// Where a key may be sent, beside `Authorization`.
#[derive(Clone, Debug, Default)]
pub struct KeySources {
    /// Headers whose whole value is a key.
    pub headers: Vec<HeaderName>,
    /// At `/auth/verify`, the password of HTTP Basic.
    pub basic: bool,
}

impl KeySources {
    /// From the settings. `config/` has refused invalid header names already; an invalid one is ignored here.
    #[must_use]
    pub fn new(headers: &[String], basic: bool) -> Self {
        Self { headers: headers.iter().filter_map(|name| name.parse().ok()).collect(), basic }
    }
}
