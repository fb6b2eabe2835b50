//! `GET /openapi.json`: the document of all endpoints.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::endpoint::{Endpoint, JSON, Operation, fields};
use crate::http::extract::Anyone;

/// The document as text. Each worker has one.
#[derive(Clone)]
pub struct Document(pub Bytes);

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/openapi.json", "openapi", "This document")
            .answers_text("OpenAPI 3.1.", JSON, fields())
            .to(openapi)
            .without_options(),
    ]
}

/// The document as it is.
async fn openapi(_: Anyone, request: HttpRequest) -> HttpResponse {
    let document = request.app_data::<web::Data<Document>>().expect("it is made with the routes");
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(document.0.clone())
}
