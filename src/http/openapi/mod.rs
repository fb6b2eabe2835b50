//! `GET /openapi.json`: OpenAPI 3.1 of every route, one file for each group of them.
//!
//! What is answered describes itself (`ToSchema` beside `Serialize`); here stands what a type cannot say: who may, which
//! parameters there are, and how it is refused. `tests/openapi/` holds that this and the route table are the same.

mod clients;
mod health;
mod login;
mod oauth;
mod operation;
mod parts;
mod tokens;
mod users;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, SchemaFormat, Server,
};

use parts::{Header, Security};

use crate::http::oauth::verify;

const DESCRIPTION: &str = "\
Opaque tokens for a username and a password, and an answer to services that ask whose a token is.

Every path works with and without its trailing slash. `HEAD` works where `GET` does, and `OPTIONS` everywhere but at \
probes. A method that a path does not have is answered 405, a path that there is not 404, both with `{\"detail\": \
\"..\"}`. A request may name itself with `X-Request-Id`. Bodies are at most 64 KiB.";

/// The document, ready to be sent; each worker has one.
#[derive(Clone)]
pub struct Document(Bytes);

impl Document {
    pub fn new() -> Self {
        Self(document().to_string().into())
    }
}

/// The document as it is.
pub async fn openapi(document: web::Data<Document>) -> impl Responder {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, parts::JSON)).body(document.0.clone())
}

/// OpenAPI of every route.
#[must_use]
pub fn document() -> Value {
    let groups = [
        ("Login", "For whoever has a password.", login::operations()),
        ("OAuth", "For services that are shown a token.", oauth::operations()),
        ("Own tokens", "For whoever has a token.", tokens::own()),
        ("Users", "For staff.", users::operations()),
        ("Tokens", "For staff.", tokens::of_others()),
        ("Clients", "For superusers.", clients::operations()),
        ("Audit", "For staff.", clients::audit()),
        ("Service", "For whoever runs it.", health::operations()),
    ];
    let tags = groups.iter().map(|(name, text, _)| TagBuilder::new().name(*name).description(Some(*text)).build());
    let document = OpenApiBuilder::new().info(info()).servers(Some([Server::new("/")])).tags(Some(tags));
    let (mut paths, mut components) = (PathsBuilder::new(), components());
    for (tag, _, operations) in groups {
        for mut operation in operations {
            components.schemas.extend(std::mem::take(&mut operation.schemas));
            let (path, method) = (operation.path, operation.method.clone());
            paths = paths.path(path, PathItem::new(method, operation.build(tag)));
        }
    }
    let document: OpenApi = document.paths(paths).components(Some(components)).build();
    let mut document = serde_json::to_value(document).expect("a document is JSON");
    // What utoipa has no word for: an answer that is said to have a header has it.
    for header in document["components"]["headers"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        header["required"] = json!(true);
    }
    for path in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in path.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            for form in [parts::FORM, parts::MULTIPART] {
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
        .description(Some(DESCRIPTION))
        .license(Some(license.build()))
        .build()
}

fn components() -> Components {
    let mut components = Components::new();
    for way in Security::NAMED {
        components.add_security_scheme(way.name(), way.scheme());
    }
    for header in Header::SHARED.into_iter().chain(verify::HEADERS.map(Header::Identity)) {
        components.headers.insert(header.component(), header.object().into());
    }
    components
}

/// A form has no null: what JSON may say to be null is left out.
fn without_null(form: &mut Value) {
    for field in
        form.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|fields| fields.values_mut())
    {
        if let Some(types) = field.get_mut("type").and_then(Value::as_array_mut) {
            types.retain(|name| name != "null");
        }
        if let Some(ways) = field.get_mut("oneOf").and_then(Value::as_array_mut) {
            ways.retain(|way| way["type"] != "null");
        }
    }
}

fn format(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}
