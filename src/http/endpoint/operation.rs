//! An operation as OpenAPI has it: method, path, parameters, body, answers.

use actix_web::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ArrayBuilder, ContentBuilder, ObjectBuilder, PathItem, RefOr, Required, ResponseBuilder, Schema, SchemaFormat,
};

use super::common::{self, Header, Security};
use crate::http::drf::body::MAX_BODY;

/// One method of one path, as OpenAPI describes it.
pub struct Operation {
    /// Its path.
    pub path: &'static str,
    /// Its method.
    pub method: Method,
    /// The schemas of its answers, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The largest body that it accepts, in bytes.
    pub body_limit: usize,
    /// Whether it reads a body at all.
    pub reads_body: bool,
    /// The status of the answer that holds a secret, and so has `no-store`.
    pub secret_status: Option<u16>,
    /// Whether it may revoke tokens.
    pub revokes: bool,
    id: &'static str,
    summary: &'static str,
    description: Option<String>,
    security: Option<Vec<SecurityRequirement>>,
    parameters: Vec<Parameter>,
    body: Option<RequestBodyBuilder>,
    pub(super) answers: Answers,
    pub(super) headers: Vec<Header>,
}

/// Answers by their status; the last one of a status counts.
pub type Answers = Vec<(u16, ResponseBuilder)>;

impl Operation {
    /// `id` is the operation id: the verb's name in the code.
    pub fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let parameters = path.split(['{', '}']).skip(1).step_by(2).map(path_parameter).collect();
        Self {
            path,
            method,
            schemas: Vec::new(),
            body_limit: MAX_BODY,
            reads_body: false,
            secret_status: None,
            revokes: false,
            id,
            summary,
            description: None,
            security: None,
            parameters,
            body: None,
            answers: Vec::new(),
            headers: vec![Header::RequestId, Header::Allow],
        }
    }

    /// `GET`, and with it `HEAD`.
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, id, summary)
    }

    /// `POST`.
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary)
    }

    /// `PATCH`.
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PATCH, path, id, summary)
    }

    /// `DELETE`.
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, id, summary)
    }

    /// The verb's name.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The description, in Markdown.
    pub fn describe(self, text: impl Into<String>) -> Self {
        Self { description: Some(text.into()), ..self }
    }

    /// A parameter of the query.
    pub fn query(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(text));
        self.parameters.push(parameter.schema(Some(schema)).build());
        self
    }

    /// A parameter of the query that may be repeated.
    pub fn query_list(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let list = ArrayBuilder::new().items(schema);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(text));
        self.parameters.push(parameter.schema(Some(list)).explode(Some(true)).build());
        self
    }

    /// A body of these fields, in any of these media types.
    pub fn body(mut self, media_types: &[&str], fields: ObjectBuilder, example: &Value) -> Self {
        let fields = fields.build();
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for media_type in media_types {
            let content = ContentBuilder::new().schema(Some(fields.clone())).example(Some(example.clone()));
            body = body.content(*media_type, content.build());
        }
        self.body = Some(body);
        self
    }

    /// It accepts bodies up to this size, in bytes.
    pub fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// The body is optional.
    pub fn body_may_be_missing(mut self) -> Self {
        self.body = self.body.map(|body| body.required(Some(Required::False)));
        self
    }

    /// Whether every answer has this header.
    pub fn always_has(&self, header: Header) -> bool {
        self.headers.contains(&header)
    }

    /// Which credentials it accepts.
    pub fn secured(mut self, schemes: &[Security]) -> Self {
        let requirements = schemes.iter().map(|scheme| match scheme {
            Security::None => SecurityRequirement::default(),
            scheme => SecurityRequirement::new::<_, [&str; 0], &str>(scheme.name(), []),
        });
        self.security = Some(requirements.collect());
        self
    }

    /// Whether it says which credentials it accepts.
    pub fn is_secured(&self) -> bool {
        self.security.is_some()
    }

    /// Takes its answers out.
    pub fn take_answers(&mut self) -> Answers {
        std::mem::take(&mut self.answers)
    }

    /// Adds answers. Each replaces an earlier one with the same status.
    pub fn put_answers(&mut self, answers: Answers) {
        self.answers.extend(answers);
    }

    /// The operation as a part of the OpenAPI document.
    pub fn build(self, tag: &str) -> PathItem {
        let mut operation = OperationBuilder::new().summary(Some(self.summary)).description(self.description);
        operation = operation.operation_id(Some(self.id)).tag(tag).securities(self.security);
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        for (status, mut response) in self.answers {
            for header in &self.headers {
                response = response.header_ref(header.name(), header.reference());
            }
            operation = operation.response(status.to_string(), response);
        }
        let operation = operation.request_body(self.body.map(RequestBodyBuilder::build));
        PathItem::new(named(&self.method), operation.build())
    }
}

/// A method by OpenAPI's name.
fn named(method: &Method) -> HttpMethod {
    match *method {
        Method::HEAD => HttpMethod::Head,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::OPTIONS => HttpMethod::Options,
        Method::TRACE => HttpMethod::Trace,
        _ => HttpMethod::Get,
    }
}

/// A format by its name.
pub fn format(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}

fn path_parameter(name: &str) -> Parameter {
    let (schema, text) = match name {
        "id" => (common::integer().examples([json!(12)]), "The token's id."),
        "client_id" => (common::text().min_length(Some(1)).examples([json!("billing")]), "The client's id."),
        _ => (common::text().min_length(Some(1)).examples([json!("alice")]), "The user's name."),
    };
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(text)).schema(Some(schema)).build()
}
