//! What operations share: headers, security schemes, kinds of fields.

use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::header::{Header as HeaderObject, HeaderBuilder};
use utoipa::openapi::schema::Object;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type};

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const MULTIPART: &str = "multipart/form-data";
/// The media types of most bodies.
pub const BODIES: &[&str] = &[JSON, FORM];

/// A response header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    RequestId,
    Allow,
    NoStore,
    TokenChallenge,
    ClientChallenge,
    /// Only where the login takes HTTP Basic.
    PasswordChallenge,
    RetryAfter,
    /// An identity header of forward-auth, by its name.
    Identity(&'static str),
}

impl Header {
    /// The headers that many operations share.
    pub const SHARED: [Self; 6] =
        [Self::RequestId, Self::Allow, Self::NoStore, Self::TokenChallenge, Self::ClientChallenge, Self::RetryAfter];

    /// Its name on the wire.
    pub fn name(self) -> String {
        match self {
            Self::RequestId => "X-Request-Id",
            Self::Allow => "Allow",
            Self::NoStore => "Cache-Control",
            Self::TokenChallenge | Self::ClientChallenge | Self::PasswordChallenge => "WWW-Authenticate",
            Self::RetryAfter => "Retry-After",
            Self::Identity(name) => return capitalised(name, "-"),
        }
        .to_owned()
    }

    /// Its name in the document.
    pub fn component(self) -> String {
        match self {
            Self::Identity(name) => capitalised(name, ""),
            other => format!("{other:?}"),
        }
    }

    pub fn reference(self) -> Ref {
        Ref::new(format!("#/components/headers/{}", self.component()))
    }

    /// Its description in the document.
    pub fn object(self) -> HeaderObject {
        let (schema, text, example) = match self {
            Self::RequestId => (
                text().pattern(Some("^[A-Za-z0-9._-]{1,128}$")),
                "The request's id in the log: the caller's own `X-Request-Id` if it is valid.",
                json!("f3b1c9a07d5e4e3f9a0b1c2d3e4f5a6b"),
            ),
            Self::Allow => (text(), "The methods of the path.", json!("GET, POST, HEAD, OPTIONS")),
            Self::NoStore => {
                (text().enum_values(Some(["no-store"])), "The answer must not be cached.", json!("no-store"))
            }
            Self::TokenChallenge => (text(), "The first of `JETON_AUTH_KEYWORDS`.", json!("Token")),
            Self::ClientChallenge => {
                let text = "`Basic realm=\"jeton\"`; for a bad token the first of `JETON_AUTH_KEYWORDS`.";
                (self::text(), text, json!("Basic realm=\"jeton\""))
            }
            Self::PasswordChallenge => (text(), "HTTP Basic, as at DRF.", json!("Basic realm=\"api\"")),
            Self::RetryAfter => (integer().minimum(Some(1)), "Seconds to wait before the next try.", json!(1)),
            Self::Identity(_) => {
                (text(), "Empty if there is no value; percent-encoded where a header needs it.", json!(""))
            }
        };
        HeaderBuilder::new().schema(Some(schema)).description(Some(text)).example(Some(example)).build()
    }
}

/// `x-auth-user` with capitals, and `between` between its words.
fn capitalised(name: &str, between: &str) -> String {
    let words: Vec<String> = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    words.join(between)
}

/// A security scheme.
#[derive(Clone, Copy, Debug)]
pub enum Security {
    /// `Authorization: Bearer <key>`, which every tool knows how to send.
    Bearer,
    /// `Authorization: Token <key>`, DRF's keyword, which is not a registered HTTP scheme.
    Token,
    /// A client's id and secret, by HTTP Basic.
    Client,
    /// A user's name and password, by HTTP Basic. Only where the login takes them.
    Password,
    /// Credentials in the body, or none.
    None,
}

impl Security {
    pub const NAMED: [Self; 3] = [Self::Bearer, Self::Token, Self::Client];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Token => "token",
            Self::Password => "password",
            Self::Client | Self::None => "client",
        }
    }

    pub fn scheme(self) -> SecurityScheme {
        match self {
            Self::Bearer => SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("A token's key, as `Authorization: Bearer <key>`."))
                    .build(),
            ),
            Self::Token => {
                let text = "A token's key in DRF's form: the value is `Token <key>`, keyword and all. \
                            `JETON_AUTH_KEYWORDS` may name other keywords, and `JETON_KEY_HEADERS` other headers, \
                            whose whole value is the key.";
                SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", text)))
            }
            Self::Password => {
                let text = "A user's name and password, as they are.";
                SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(text)).build())
            }
            Self::Client | Self::None => {
                let text = "A client's id and secret, each form-encoded first (RFC 6749 section 2.3.1). \
                            `client_id` and `client_secret` in the body work as well; both at once must agree.";
                let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(text));
                SecurityScheme::Http(basic.build())
            }
        }
    }
}

pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub fn integer() -> ObjectBuilder {
    let whole = ObjectBuilder::new().schema_type(Type::Integer);
    whole.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

pub fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// The fields of a body.
pub fn fields() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// Merges an `allOf` of schemas without names into one object. utoipa writes such an `allOf` for a struct with
/// flattened fields: first the flattened structs, then the struct itself.
pub fn one_object(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::AllOf(all)) = &schema else { return schema };
    let Some((own, flattened)) = nameless(&schema).and_then(|mut objects| Some((objects.pop()?, objects))) else {
        return schema;
    };
    let mut whole = own.clone();
    whole.description.clone_from(&all.description);
    for part in flattened {
        whole.properties.extend(part.properties.clone());
        whole.required.extend(part.required.clone());
    }
    RefOr::T(Schema::Object(whole))
}

/// The objects of which a schema consists. `None` if one of them is a reference.
fn nameless(schema: &RefOr<Schema>) -> Option<Vec<&Object>> {
    match schema {
        RefOr::T(Schema::Object(object)) => Some(vec![object]),
        RefOr::T(Schema::AllOf(all)) => {
            all.items.iter().map(nameless).collect::<Option<Vec<_>>>().map(|objects| objects.concat())
        }
        _ => None,
    }
}

/// The properties of a type that is an object.
pub fn properties<T: PartialSchema>() -> Vec<(String, RefOr<Schema>)> {
    match one_object(T::schema()) {
        RefOr::T(Schema::Object(object)) => object.properties.into_iter().collect(),
        _ => Vec::new(),
    }
}
