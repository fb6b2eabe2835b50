//! An operation in a few words: what it takes, what it answers, how it refuses.

use std::borrow::Cow;

use actix_web::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, ContentBuilder, ObjectBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
    SchemaFormat,
};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{self, Header, Security};
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::http::drf::Detail;
use crate::http::drf::pages;
use crate::service::Faults;

/// One method of one path, as the document has it.
pub struct Operation {
    /// Its path.
    pub path: &'static str,
    /// Its method.
    pub method: Method,
    /// What its answers hold, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    id: Cow<'static, str>,
    summary: &'static str,
    description: Option<&'static str>,
    security: Option<Vec<SecurityRequirement>>,
    parameters: Vec<Parameter>,
    body: Option<RequestBodyBuilder>,
    answers: Answers,
    headers: Vec<Header>,
}

/// Answers by their status; the last one of a status counts.
pub type Answers = Vec<(u16, ResponseBuilder)>;

impl Operation {
    /// `id` is the verb's name in the code.
    pub fn new(method: Method, path: &'static str, id: impl Into<Cow<'static, str>>, summary: &'static str) -> Self {
        let parameters = path.split(['{', '}']).skip(1).step_by(2).map(path_parameter).collect();
        Self {
            path,
            method,
            schemas: Vec::new(),
            id: id.into(),
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
    pub fn id(&self) -> &str {
        &self.id
    }

    /// More than the summary; Markdown.
    pub fn describe(self, text: &'static str) -> Self {
        Self { description: Some(text), ..self }
    }

    /// A parameter of the query.
    pub fn query(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(text));
        self.parameters.push(parameter.schema(Some(schema)).build());
        self
    }

    /// A parameter that may come more than once.
    pub fn query_list(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let list = utoipa::openapi::ArrayBuilder::new().items(schema);
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

    /// No body says no field.
    pub fn body_may_be_missing(mut self) -> Self {
        self.body = self.body.map(|body| body.required(Some(Required::False)));
        self
    }

    /// Whoever reads a body may refuse it for its size, its slowness, or what it is.
    pub fn reads_body(self) -> Self {
        self.refuses(408, "The body takes longer than 30 seconds.", "The request body took too long.")
            .refuses(413, "The body is larger than the route takes.", "The request body is too large.")
            .refuses(
                415,
                "The body is compressed, or of a media type that the route does not take.",
                "Unsupported content encoding \"gzip\" in request.",
            )
    }

    /// A parsed body, in DRF's way: 400 by field or as a sentence.
    pub fn refuses_bad_fields(mut self, field: &str, sentence: &str) -> Self {
        self.add::<Faults>();
        self.add::<Detail>();
        let either = AnyOfBuilder::new().item(reference::<Faults>()).item(reference::<Detail>());
        let example = json!({ field: [sentence] });
        let text = "Something is wrong with the fields, or the body cannot be parsed.";
        self.respond(400, text, Some(content(either, example)))
    }

    /// 400, by field.
    pub fn refuses_bad_parameters(self, field: &str, sentence: &str) -> Self {
        self.answers_like::<Faults>(400, "A parameter is not what it should be.", &json!({ field: [sentence] }))
    }

    /// JSON of this type.
    pub fn answers<T: ToSchema>(mut self, status: u16, text: &str) -> Self {
        self.add::<T>();
        self.respond(status, text, Some(ContentBuilder::new().schema(Some(reference::<T>())).build()))
    }

    /// A page of these.
    pub fn answers_page<T: ToSchema>(mut self, text: &str) -> Self {
        let name = format!("{}Page", T::name());
        self.add::<T>();
        self.schemas.push((name.clone(), pages::Answer::<T>::schema()));
        self.respond(200, text, Some(ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build()))
    }

    /// The same with an example.
    pub fn answers_like<T: ToSchema>(mut self, status: u16, text: &str, example: &Value) -> Self {
        self.add::<T>();
        self.respond(status, text, Some(content(reference::<T>(), example.clone())))
    }

    /// JSON of a type that is settled at run time.
    pub fn answers_fields(self, status: u16, text: &str, fields: ObjectBuilder, example: Value) -> Self {
        self.respond(status, text, Some(content(fields, example)))
    }

    /// No body.
    pub fn answers_nothing(self, status: u16, text: &str) -> Self {
        self.respond(status, text, None)
    }

    /// A text of another media type.
    pub fn answers_text(mut self, text: &str, media_type: &str, schema: ObjectBuilder) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.answers.push((200, ResponseBuilder::new().description(text).content(media_type, content)));
        self
    }

    /// DRF's `{"detail": ".."}`.
    pub fn refuses(self, status: u16, text: &str, sentence: &str) -> Self {
        self.answers_like::<Detail>(status, text, &json!({ "detail": sentence }))
    }

    /// JSON of one of several types.
    pub fn answers_either(self, status: u16, text: &str, types: AnyOfBuilder, example: Value) -> Self {
        self.respond(status, text, Some(content(types, example)))
    }

    /// Which page of a list.
    pub fn paged(self) -> Self {
        let size =
            parts::integer().minimum(Some(1)).maximum(Some(MAX_PAGE_SIZE)).default(Some(json!(DEFAULT_PAGE_SIZE)));
        let page = parts::integer().minimum(Some(1)).maximum(Some(u32::MAX)).default(Some(json!(1)));
        self.query("page", page, "Which page.")
            .query("page_size", size, "How many on a page; more is cut to the most.")
            .refuses(404, "There is no such page, or not what the path names.", "Invalid page.")
    }

    /// The last answer has this header too.
    pub fn with(mut self, header: Header) -> Self {
        if let Some((status, response)) = self.answers.pop() {
            let response = response.header_ref(header.name(), header.reference());
            self.answers.push((status, response));
        }
        self
    }

    /// Every answer has this header.
    pub fn always_with(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Its path says of no method that it is not allowed.
    pub fn without_allow(mut self) -> Self {
        self.headers.retain(|header| *header != Header::Allow);
        self
    }

    /// Whether every answer has this header.
    pub fn always_has(&self, header: Header) -> bool {
        self.headers.contains(&header)
    }

    /// Which credentials it takes.
    pub fn secured(mut self, ways: &[Security]) -> Self {
        let requirements = ways.iter().map(|way| match way {
            Security::None => SecurityRequirement::default(),
            way => SecurityRequirement::new::<_, [&str; 0], &str>(way.name(), []),
        });
        self.security = Some(requirements.collect());
        self
    }

    /// 429, where a password is sent.
    pub fn counts_failures(self) -> Self {
        self.refuses(
            429,
            "Too many failed logins: from this address, or of this user.",
            "Request was throttled. Expected available in 30 seconds.",
        )
        .with(Header::RetryAfter)
    }

    /// 503 and 500.
    pub fn needs_database(self) -> Self {
        let later = "Service temporarily unavailable, try again later.";
        self.refuses(503, "The database does not answer, or too many requests wait.", later)
            .with(Header::RetryAfter)
            .refuses(500, "A fault of jeton's; its log says which.", "A server error occurred.")
    }

    /// 404 for what the path names.
    pub fn may_not_exist(self, what: &str) -> Self {
        self.refuses(404, what, "Not found.")
    }

    /// The answers that it has so far, which it has no more.
    pub fn take_answers(&mut self) -> Answers {
        std::mem::take(&mut self.answers)
    }

    /// Answers that stand in the place of those that it has.
    pub fn put_answers(&mut self, answers: Answers) {
        self.answers.extend(answers);
    }

    /// The operation as the document has it.
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

    fn respond(mut self, status: u16, text: &str, content: Option<Content>) -> Self {
        let mut response = ResponseBuilder::from(Response::new(text));
        if let Some(content) = content {
            response = response.content(parts::JSON, content);
        }
        self.answers.push((status, response));
        self
    }

    /// A type that its answers hold.
    pub fn add<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
    }
}

/// Where a type stands in the document.
pub fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
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

fn content(schema: impl Into<RefOr<Schema>>, example: Value) -> Content {
    ContentBuilder::new().schema(Some(schema)).example(Some(example)).build()
}

fn path_parameter(name: &str) -> Parameter {
    let (schema, text) = match name {
        "id" => (parts::integer().examples([json!(12)]), "The token's id."),
        "client_id" => (parts::text().min_length(Some(1)).examples([json!("billing")]), "The client's id."),
        _ => (parts::text().min_length(Some(1)).examples([json!("alice")]), "The user's name."),
    };
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(text)).schema(Some(schema)).build()
}
