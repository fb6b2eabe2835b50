//! All pages of the console. Routes and `Allow` are built from the list, as they are for the pages of `/account/`.

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::DefaultHeaders;
use actix_web::{Handler, Route, Scope, guard, web};

use super::page::{PageResult, other_method};
use super::visitor::Parameters;
use super::{
    account, activity, assets, audit, bulk, clients, delete_user, explain, groups, new_user, overview, password_link,
    sign_in, sign_out, token, token_list, tokens, user_tokens, users, users_csv,
};
use crate::http::endpoint::Access;

/// One method of one path, and its handler, whose first parameter says who may visit it.
pub struct WebPage {
    path: &'static str,
    method: Method,
    access: Access,
    route: Route,
}

impl WebPage {
    /// A page.
    pub(in crate::http) fn page<F, P>(path: &'static str, handler: F) -> Self
    where
        F: Handler<P, Output = PageResult>,
        P: Parameters,
    {
        Self::new(Method::GET, path, handler)
    }

    /// Where a form is sent.
    pub(in crate::http) fn form<F, P>(path: &'static str, handler: F) -> Self
    where
        F: Handler<P, Output = PageResult>,
        P: Parameters,
    {
        Self::new(Method::POST, path, handler)
    }

    fn new<F, P>(method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<P, Output = PageResult>,
        P: Parameters,
    {
        let route = match method {
            Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            ref other => web::method(other.clone()),
        };
        Self { path, method, access: P::ACCESS, route: route.to(handler) }
    }

    /// Its path below `/console` or `/account`; it is served with and without a trailing slash.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Its method. `HEAD` is served where `GET` is.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Who may visit it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }
}

/// All pages, in the order in which their paths are compared with a request's.
#[must_use]
pub fn console_pages() -> Vec<WebPage> {
    fn page<F: Handler<P, Output = PageResult>, P: Parameters>(path: &'static str, handler: F) -> WebPage {
        WebPage::page(path, handler)
    }
    fn form<F: Handler<P, Output = PageResult>, P: Parameters>(path: &'static str, handler: F) -> WebPage {
        WebPage::form(path, handler)
    }
    vec![
        page("", overview::show),
        page("/sign-in", sign_in::show),
        form("/sign-in", sign_in::sign_in),
        form("/sign-out", sign_out::sign_out),
        page("/explain", explain::show),
        form("/explain", explain::explain),
        page("/users", users::list),
        page("/users.csv", users_csv::download),
        page("/users/bulk", bulk::confirm),
        form("/users/bulk", bulk::apply),
        page("/users/new", new_user::show),
        form("/users/new", new_user::create),
        page("/users/@{username}", user_tokens::show),
        form("/users/@{username}", account::save),
        page("/users/@{username}/activity", activity::list),
        page("/users/@{username}/account", account::show),
        form("/users/@{username}/active", account::set_active),
        form("/users/@{username}/password", account::set_password),
        form("/users/@{username}/password-link", password_link::create),
        page("/users/@{username}/delete", delete_user::confirm),
        form("/users/@{username}/delete", delete_user::delete),
        form("/users/@{username}/regenerate", tokens::regenerate),
        form("/users/@{username}/tokens", tokens::create),
        page("/users/@{username}/tokens/{id}", token::show),
        form("/users/@{username}/tokens/{id}", token::update),
        form("/users/@{username}/tokens/{id}/revoke", tokens::revoke),
        page("/tokens", token_list::list),
        page("/groups", groups::list),
        page("/groups/@{name}", groups::show),
        form("/groups/@{name}", groups::rename),
        form("/groups/@{name}/remove", groups::remove),
        page("/groups/@{name}/delete", groups::confirm_delete),
        form("/groups/@{name}/delete", groups::delete),
        page("/clients", clients::list),
        page("/clients/new", clients::new),
        form("/clients/new", clients::create),
        page("/clients/@{client_id}", clients::edit),
        form("/clients/@{client_id}", clients::update),
        page("/clients/@{client_id}/rotate", clients::confirm_rotate),
        form("/clients/@{client_id}/rotate", clients::rotate),
        page("/clients/@{client_id}/delete", clients::confirm_delete),
        form("/clients/@{client_id}/delete", clients::delete),
        page("/audit", audit::list),
        page("/assets/{name}", assets::asset),
    ]
}

/// The `Allow` header of a path with these pages.
fn allow(pages: &[WebPage]) -> String {
    let methods = pages.iter().map(|page| if page.method == Method::GET { "GET, HEAD" } else { page.method.as_str() });
    methods.collect::<Vec<_>>().join(", ")
}

/// A scope with one resource for each path. Every answer of a resource has its `Allow` header.
pub fn scope(root: &str, pages: Vec<WebPage>) -> Scope {
    let mut paths: Vec<Vec<WebPage>> = Vec::new();
    for page in pages {
        match paths.iter_mut().find(|known| known[0].path == page.path) {
            Some(known) => known.push(page),
            None => paths.push(vec![page]),
        }
    }
    paths.into_iter().fold(web::scope(root), |scope, pages| {
        let (path, allow) = (pages[0].path, allow(&pages));
        let resource = web::resource([path.to_owned(), format!("{path}/")]);
        let resource = pages.into_iter().fold(resource, |resource, page| resource.route(page.route));
        scope.service(resource.default_service(web::to(other_method)).wrap(DefaultHeaders::new().add((ALLOW, allow))))
    })
}
