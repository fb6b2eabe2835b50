//! How an operation is said in a few words: what it takes, what it answers, how it refuses.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use super::parts::{self, Header, Security};
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::http::drf::Detail;
use crate::http::pages;
use crate::service::Faults;

/// One method of one path.
pub struct Op {
    pub path: &'static str,
    pub method: HttpMethod,
    /// What its answers hold, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    id: Cow<'static, str>,
    operation: OperationBuilder,
    body: Option<RequestBodyBuilder>,
    responses: Vec<(u16, ResponseBuilder)>,
    headers: Vec<Header>,
}

impl Op {
    /// `id` is the verb's name in the code.
    pub fn new(method: HttpMethod, path: &'static str, id: impl Into<Cow<'static, str>>, summary: &str) -> Self {
        let mut operation = OperationBuilder::new().summary(Some(summary));
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            operation = operation.parameter(path_parameter(name));
        }
        let headers = vec![Header::RequestId, Header::Allow];
        let (schemas, responses) = (Vec::new(), Vec::new());
        Self { path, method, schemas, id: id.into(), operation, body: None, responses, headers }
    }

    pub fn get(path: &'static str, id: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Get, path, id, summary)
    }

    pub fn post(path: &'static str, id: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Post, path, id, summary)
    }

    pub fn delete(path: &'static str, id: &'static str, summary: &str) -> Self {
        Self::new(HttpMethod::Delete, path, id, summary)
    }

    /// More than the summary; Markdown.
    pub fn describe(mut self, text: &str) -> Self {
        self.operation = self.operation.description(Some(text));
        self
    }

    /// A parameter of the query.
    pub fn query(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(text));
        self.operation = self.operation.parameter(parameter.schema(Some(schema)).build());
        self
    }

    /// A parameter that may come more than once.
    pub fn query_list(mut self, name: &str, schema: ObjectBuilder, text: &str) -> Self {
        let list = utoipa::openapi::ArrayBuilder::new().items(schema);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(text));
        self.operation = self.operation.parameter(parameter.schema(Some(list)).explode(Some(true)).build());
        self
    }

    /// A body of these fields, in any of these media types; and how it is refused.
    pub fn body(mut self, media_types: &[&str], fields: ObjectBuilder, example: &Value) -> Self {
        let fields = fields.build();
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for media_type in media_types {
            let content = ContentBuilder::new().schema(Some(fields.clone())).example(Some(example.clone()));
            body = body.content(*media_type, content.build());
        }
        self.body = Some(body);
        self.reads_body()
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
        self.responses.push((200, ResponseBuilder::new().description(text).content(media_type, content)));
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

    /// A page of a list.
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
        if let Some((status, response)) = self.responses.pop() {
            let response = response.header_ref(header.name(), header.reference());
            self.responses.push((status, response));
        }
        self
    }

    /// Every answer has this header.
    pub fn always_with(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// No route of the table: any method, no `Allow`.
    pub fn without_allow(mut self) -> Self {
        self.headers.retain(|header| *header != Header::Allow);
        self
    }

    /// Who may, and that the database may not answer.
    pub fn secured(mut self, ways: &[Security]) -> Self {
        let requirements = ways.iter().map(|way| match way {
            Security::None => SecurityRequirement::default(),
            way => SecurityRequirement::new::<_, [&str; 0], &str>(way.name(), []),
        });
        self.operation = self.operation.securities(Some(requirements));
        self
    }

    /// Whoever holds a token.
    pub fn for_holder(self) -> Self {
        let missing = "Authentication credentials were not provided.";
        self.secured(&[Security::Bearer, Security::Token])
            .refuses(401, "No token, or one that is not good.", missing)
            .with(Header::TokenChallenge)
            .needs_database()
    }

    /// Whoever holds a login token.
    pub fn for_login_holder(self) -> Self {
        self.for_holder().refuses(403, "The caller's token is a named one.", parts::PERMISSION)
    }

    /// Staff only.
    pub fn for_staff(self) -> Self {
        let text = "The caller is not staff, or not enough for this, or their token is a named one without the scope \
                    `jeton:admin`.";
        self.for_holder().refuses(403, text, parts::PERMISSION)
    }

    /// Superusers only.
    pub fn for_superuser(self) -> Self {
        let text = "The caller is no superuser, or their token is a named one without the scope `jeton:admin`.";
        self.for_holder().refuses(403, text, parts::PERMISSION)
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
        self.refuses(
            503,
            "The database does not answer, too many requests wait, or others keep changing the user.",
            later,
        )
        .with(Header::RetryAfter)
        .refuses(500, "A fault of jeton's; its log says which.", "A server error occurred.")
    }

    /// 404 for what the path names.
    pub fn may_not_exist(self, what: &str) -> Self {
        self.refuses(404, what, "Not found.")
    }

    /// The operation, and its id.
    pub fn build(self, tag: &str) -> Operation {
        let mut operation = self.operation.operation_id(Some(self.id)).tag(tag);
        for (status, mut response) in self.responses {
            for header in &self.headers {
                response = response.header_ref(header.name(), header.reference());
            }
            operation = operation.response(status.to_string(), response);
        }
        operation.request_body(self.body.map(RequestBodyBuilder::build)).build()
    }

    fn respond(mut self, status: u16, text: &str, content: Option<Content>) -> Self {
        let mut response = ResponseBuilder::from(Response::new(text));
        if let Some(content) = content {
            response = response.content(parts::JSON, content);
        }
        self.responses.push((status, response));
        self
    }

    pub fn add<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), parts::one_object(T::schema())));
        T::schemas(&mut self.schemas);
    }
}

/// Where a type stands in the document.
pub fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
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
