//! The OpenAPI 3.1 document of all endpoints. The types of answers derive their schemas (`ToSchema` beside
//! `Serialize`). What a type cannot say stands beside its handler.

use serde_json::{Value, json};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Server};

use super::drf::body::MAX_BODY;
use super::endpoint::{FORM, Header, MULTIPART, Security, size};
use super::endpoints::groups;
use super::oauth::verify;
use super::options::{LoginFormat, LoginOptions};

const DESCRIPTION: &str = "\
Opaque tokens for a username and a password, and token introspection for services.

Every path works with and without its trailing slash. `HEAD` works where `GET` does, and `OPTIONS` everywhere but at \
probes. A method that a path does not have gets 405, an unknown path 404, both with `{\"detail\": \
\"..\"}`. A request may carry its own `X-Request-Id`.";

/// OpenAPI of every endpoint.
#[must_use]
pub fn document() -> Value {
    document_with(&LoginOptions::default())
}

/// OpenAPI of every endpoint, with the login that the settings describe.
#[must_use]
pub fn document_with(login: &LoginOptions) -> Value {
    let groups = groups(login);
    let tags = groups.iter().map(|group| TagBuilder::new().name(group.name).description(Some(group.text)).build());
    let document = OpenApiBuilder::new().info(info()).servers(Some([Server::new("/")])).tags(Some(tags));
    let (mut paths, mut components) = (PathsBuilder::new(), components(login));
    for group in groups {
        for endpoint in group.endpoints.into_iter().filter(|endpoint| endpoint.is_documented) {
            let mut operation = endpoint.operation;
            components.schemas.extend(std::mem::take(&mut operation.schemas));
            let (path, id) = (operation.path, operation.id());
            let item = operation.build(group.name);
            for (number, path) in (2..).zip(endpoint.also_at) {
                let mut same = item.clone();
                if let Some(post) = &mut same.post {
                    post.operation_id = Some(format!("{id}_{number}"));
                }
                paths = paths.path(path, same);
            }
            paths = paths.path(path, item);
        }
    }
    let document: OpenApi = document.paths(paths).components(Some(components)).build();
    let mut document = serde_json::to_value(document).expect("a document is JSON");
    // utoipa cannot express that a documented header is always present.
    for header in document["components"]["headers"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        header["required"] = json!(true);
    }
    for path in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in path.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            for form in [FORM, MULTIPART] {
                let content = operation.pointer_mut("/requestBody/content").and_then(|content| content.get_mut(form));
                if let Some(form) = content.and_then(|content| content.get_mut("schema")) {
                    without_null(form);
                }
            }
        }
    }
    document
}

fn info() -> utoipa::openapi::Info {
    let license = LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).identifier(Some(env!("CARGO_PKG_LICENSE")));
    InfoBuilder::new()
        .title("jeton")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{DESCRIPTION} Bodies are at most {}, if nothing else is said.", size(MAX_BODY))))
        .license(Some(license.build()))
        .build()
}

fn components(login: &LoginOptions) -> Components {
    let mut components = Components::new();
    for security in Security::NAMED {
        components.add_security_scheme(security.name(), security.scheme());
    }
    let mut headers: Vec<Header> = Header::SHARED.into_iter().chain(verify::HEADERS.map(Header::Identity)).collect();
    if login.format == LoginFormat::Knox {
        components.add_security_scheme(Security::Password.name(), Security::Password.scheme());
        headers.push(Header::PasswordChallenge);
    }
    for header in headers {
        components.headers.insert(header.component(), header.object().into());
    }
    components
}

/// Removes `null` from the types of a form's fields: a form has no null.
fn without_null(form: &mut Value) {
    for field in
        form.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|fields| fields.values_mut())
    {
        if let Some(types) = field.get_mut("type").and_then(Value::as_array_mut) {
            types.retain(|name| name != "null");
        }
        if let Some(schemas) = field.get_mut("oneOf").and_then(Value::as_array_mut) {
            schemas.retain(|schema| schema["type"] != "null");
        }
    }
}
