//! How an operation answers and refuses.

use std::time::Duration;

use serde_json::{Value, json};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::common::{self, Header, boolean};
use super::operation::Operation;
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::http::answer::Detail;
use crate::http::drf::pagination;
use crate::http::error::{OAuthError, SERVER_ERROR, UNAVAILABLE, sample};
use crate::service::{Error, Faults};

impl Operation {
    /// The errors of reading a body: too large, too slow, wrong type.
    pub fn reads_body(mut self) -> Self {
        let too_large = format!("The body is larger than {}.", size(self.body_limit));
        self.reads_body = true;
        self.refuses(408, "The body takes longer than 30 seconds.", "The request body took too long.")
            .refuses(413, &too_large, "The request body is too large.")
            .refuses(
                415,
                "The body is compressed, or of a media type that the route does not accept.",
                "Unsupported content encoding \"gzip\" in request.",
            )
    }

    /// 400 in DRF's form, by field or as one message.
    pub fn refuses_bad_fields(mut self, field: &str, sentence: &str) -> Self {
        self.add::<Faults>();
        self.add::<Detail>();
        let either = AnyOfBuilder::new().item(reference::<Faults>()).item(reference::<Detail>());
        let example = json!({ field: [sentence] });
        let text = "A field is not valid, or the body cannot be parsed.";
        self.respond(400, text, Some(content(either, example)))
    }

    /// 400, by field.
    pub fn refuses_bad_parameters(self, field: &str, sentence: &str) -> Self {
        self.answers_with_example::<Faults>(400, "A parameter is not valid.", &json!({ field: [sentence] }))
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
        self.schemas.push((name.clone(), pagination::PageAnswer::<T>::schema()));
        self.respond(200, text, Some(ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build()))
    }

    /// JSON of this type, with an example.
    pub fn answers_with_example<T: ToSchema>(mut self, status: u16, text: &str, example: &Value) -> Self {
        self.add::<T>();
        self.respond(status, text, Some(content(reference::<T>(), example.clone())))
    }

    /// JSON of these fields.
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

    /// The answer to this error of the service.
    pub fn refuses_as(self, text: &str, error: &Error) -> Self {
        let (status, example) = sample(error);
        if example.get("error").is_some() {
            self.answers_with_example::<OAuthError>(status, text, &example)
        } else {
            self.answers_with_example::<Detail>(status, text, &example)
        }
    }

    /// DRF's `{"detail": ".."}`.
    pub fn refuses(self, status: u16, text: &str, sentence: &str) -> Self {
        self.answers_with_example::<Detail>(status, text, &json!({ "detail": sentence }))
    }

    /// JSON of one of several types.
    pub fn answers_either(self, status: u16, text: &str, types: AnyOfBuilder, example: Value) -> Self {
        self.respond(status, text, Some(content(types, example)))
    }

    /// Which page of a list.
    pub fn paged(self) -> Self {
        let size =
            common::integer().minimum(Some(1)).maximum(Some(MAX_PAGE_SIZE)).default(Some(json!(DEFAULT_PAGE_SIZE)));
        let page = common::integer().minimum(Some(1)).maximum(Some(u32::MAX)).default(Some(json!(1)));
        self.query("page", page, "The page's number, or `last`.")
            .query("page_size", size, "Items per page; larger values are reduced to the maximum.")
            .refuses(404, "The page, or what the path names, does not exist.", "Invalid page.")
    }

    /// 429, for an endpoint that checks a password.
    pub fn counts_failures(self) -> Self {
        self.refuses_as("Too many failed logins: from this address, or of this user.", &THROTTLED)
            .with(Header::RetryAfter)
    }

    /// 503 and 500.
    pub fn needs_database(self) -> Self {
        self.refuses(
            503,
            "The database does not answer, too many requests wait, others keep changing the user, or the node stops \
             before the wait is over.",
            UNAVAILABLE,
        )
        .with(Header::RetryAfter)
        .refuses(500, "An internal error; the log has the details.", SERVER_ERROR)
    }

    /// 404 if what the path names does not exist.
    pub fn may_not_exist(self, what: &str) -> Self {
        self.refuses_as(what, &Error::NotFound)
    }

    /// The last answer has this header too.
    pub fn with(mut self, header: Header) -> Self {
        if let Some((status, response)) = self.answers.pop() {
            let response = response.header_ref(header.name(), header.reference());
            self.answers.push((status, response));
        }
        self
    }

    /// The last answer is for its caller alone, such as a new key: it gets `no-store`.
    pub fn secret(mut self) -> Self {
        self.secret_status = self.answers.last().map(|(status, _)| *status);
        self.with(Header::NoStore)
    }

    /// It may revoke tokens, so its caller may wait until nobody calls them active.
    pub fn revokes(mut self) -> Self {
        self.revokes = true;
        self.query(
            "wait",
            boolean(),
            "Answer only after `JETON_REVOCATION_BOUND`: from then on no node, and nobody who follows `/changes`, calls a \
             token active that this request has ended. The exception is a node that cannot reach the database: it may \
             answer from memory for as long as `JETON_STALE_IF_ERROR` says. A node that stops earlier answers 503; the \
             change is made.",
        )
    }

    /// Every answer has this header.
    pub fn always_with(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Its answers have no `Allow` header, because its path accepts every method.
    pub fn without_allow(mut self) -> Self {
        self.headers.retain(|header| *header != Header::Allow);
        self
    }

    /// Adds the schema of a type that its answers contain.
    pub fn add<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), common::one_object(T::schema())));
        T::schemas(&mut self.schemas);
    }

    fn respond(mut self, status: u16, text: &str, content: Option<Content>) -> Self {
        let mut response = ResponseBuilder::from(Response::new(text));
        if let Some(content) = content {
            response = response.content(common::JSON, content);
        }
        self.answers.push((status, response));
        self
    }
}

/// An example of the refusal after too many failures.
pub const THROTTLED: Error = Error::Throttled(Duration::from_secs(30));

/// A size of a body for people: `64 KiB`.
pub fn size(bytes: usize) -> String {
    format!("{} KiB", bytes / 1024)
}

/// The reference to the schema of a type.
pub fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn content(schema: impl Into<RefOr<Schema>>, example: Value) -> Content {
    ContentBuilder::new().schema(Some(schema)).example(Some(example)).build()
}
