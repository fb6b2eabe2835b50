//! The answer of introspection (RFC 7662 section 2.2), and how it is cached.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::rights::{Rights, acts_for_its_user};
use crate::domain::time::Timestamp;
use crate::domain::token::{TokenFacts, TokenKind};
use crate::domain::user::User;
use crate::service::cache::CachedAnswer;
use crate::service::reasons::Reason;

const INACTIVE: &[u8] = b"{\"active\":false}";

/// The code in the cache of an active named token. 0 is an active login token, and the other numbers are reasons.
const NAMED: u8 = u8::MAX;

/// The result of an introspection: the response body as it is sent.
#[derive(Clone, Debug)]
pub struct Introspection {
    json: Cow<'static, [u8]>,
    reason: Option<Reason>,
    kind: TokenKind,
    ends_at: Timestamp,
}

/// The answer for an active token: the members of RFC 7662 (section 2.2), and then jeton's own, always in this order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Active", description = "An active token (RFC 7662 section 2.2).")]
#[expect(clippy::struct_field_names, reason = "the names are RFC 7662's")]
struct Active<'a> {
    #[schema(schema_with = always::<true>)]
    active: bool,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The user's id, as text.
    #[schema(example = "7")]
    sub: String,
    #[schema(example = "alice")]
    username: &'a str,
    /// Separated by blanks.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(example = "reports:read")]
    scope: &'a str,
    /// When the token was created, in seconds since 1970.
    #[schema(example = 1_700_000_000)]
    iat: i64,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_700_036_000)]
    exp: Option<i64>,
    /// The token's id.
    #[schema(example = "12")]
    jti: String,
    /// `JETON_ISSUER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://tokens.example.com")]
    iss: Option<&'a str>,
    /// The client that the token is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "billing")]
    client_id: Option<&'a str>,
    #[schema(example = 7)]
    user_id: i64,
    /// The user's key in the project that they were imported from, where it is not `user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "9f6f4a0e-3f5c-4a53-a3f6-5d2e5a3e8a51")]
    external_id: Option<&'a str>,
    #[schema(example = "alice@example.com")]
    email: &'a str,
    is_staff: bool,
    is_superuser: bool,
    #[schema(example = json!(["billing"]))]
    groups: &'a [String],
}

/// The owner of an active token, read back from its introspection.
#[derive(Clone, Debug, Deserialize)]
pub struct Identity {
    /// The user's id.
    pub user_id: i64,
    /// The username.
    pub username: String,
    /// The email address; may be empty.
    pub email: String,
    /// The names of the user's groups.
    pub groups: Vec<String>,
    /// Whether the user may use the admin API.
    pub is_staff: bool,
    /// Whether the user may do everything.
    pub is_superuser: bool,
    /// The token's scopes, separated by blanks.
    #[serde(default)]
    pub scope: String,
    /// The token's id.
    #[serde(rename = "jti")]
    pub token_id: String,
    /// When the token expires, in seconds since 1970; `None`: never.
    #[serde(default)]
    pub exp: Option<i64>,
    /// Login or named. The JSON does not contain it.
    #[serde(skip, default = "named")]
    pub kind: TokenKind,
}

/// The default is the kind with fewer rights.
const fn named() -> TokenKind {
    TokenKind::Named
}

impl Identity {
    /// The owner's rights on jeton itself, as far as the token carries them.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::of(self.is_staff, self.is_superuser).by_token(self.kind, &self.scope)
    }

    /// Whether the token has its user's rights on jeton itself.
    #[must_use]
    pub fn acts_for_its_user(&self) -> bool {
        acts_for_its_user(self.kind, &self.scope)
    }
}

/// The schema of a boolean that is always `VALUE`.
fn always<const VALUE: bool>() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([VALUE])).build()
}

impl PartialSchema for Introspection {
    fn schema() -> RefOr<Schema> {
        let inactive = ObjectBuilder::new().property("active", always::<false>()).required("active");
        let inactive = inactive
            .description(Some("A token that is not active, whatever the reason."))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        OneOfBuilder::new().item(Active::schema()).item(inactive.title(Some("Inactive"))).into()
    }
}

impl ToSchema for Introspection {}

impl Introspection {
    pub(in crate::service) fn active(token: &TokenFacts, user: &User, issuer: Option<&str>, now: Timestamp) -> Self {
        let answer = Active {
            active: true,
            token_type: "Bearer",
            sub: user.id.to_string(),
            username: &user.username,
            scope: &token.scope,
            // Not later than now: another node's clock may be ahead, and clients refuse a time in the future.
            iat: token.created_at.min(now).epoch_seconds(),
            exp: token.ends_at().map(Timestamp::epoch_seconds),
            jti: token.id.to_string(),
            iss: issuer,
            client_id: token.client.as_deref(),
            user_id: user.id,
            external_id: user.external_id.as_deref(),
            email: &user.profile.email,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
            groups: &user.groups,
        };
        let mut json = serde_json::to_string(&answer).expect("strings, numbers and lists are JSON");
        // JavaScript does not allow these line separators in a string, so DRF's renderer escapes them.
        if json.contains(['\u{2028}', '\u{2029}']) {
            json = json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        }
        let ends_at = token.ends_at().unwrap_or(Timestamp::NEVER);
        Self { json: Cow::Owned(json.into_bytes()), reason: None, kind: token.kind(), ends_at }
    }

    /// Exactly `{"active":false}`, whatever the reason.
    pub(in crate::service) const fn inactive(reason: Reason) -> Self {
        Self { json: Cow::Borrowed(INACTIVE), reason: Some(reason), kind: TokenKind::Named, ends_at: Timestamp::NEVER }
    }

    /// The same; until this moment it is known that the token is not active.
    pub(in crate::service) fn until(self, ends_at: Timestamp) -> Self {
        Self { ends_at, ..self }
    }

    /// The introspection in an upstream's answer; `None` if the answer lacks something that [`Identity`] needs.
    pub(in crate::service) fn from_upstream(json: Vec<u8>, kind: TokenKind, ends_at: Timestamp) -> Option<Self> {
        serde_json::from_slice::<Identity>(&json).ok()?;
        Some(Self { json: Cow::Owned(json), reason: None, kind, ends_at })
    }

    /// What an edge needs besides the answer: of an active token its kind; of one that is not active whether its user is
    /// inactive, which the 401 says anyway.
    #[must_use]
    pub const fn kind_for_edge(&self) -> &'static str {
        match (self.reason, self.kind) {
            (None, TokenKind::Login) => "login",
            (None, TokenKind::Named) => "named",
            (Some(Reason::UserInactive), _) => "user_inactive",
            (Some(_), _) => "inactive",
        }
    }

    /// When the token ends, by the clock of [`Introspect::time_left`](crate::service::Introspect::time_left). For one that
    /// is not active: until when an edge may remember that.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Why the token is not active.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The answer, as JSON.
    #[must_use]
    pub fn into_json(self) -> Cow<'static, [u8]> {
        self.json
    }

    /// The token's owner, or why the token is not active.
    pub(in crate::service) fn identity(&self) -> Result<Identity, Reason> {
        let read = |()| serde_json::from_slice(&self.json).expect("our own answer");
        self.reason.map_or(Ok(()), Err).map(read).map(|identity| Identity { kind: self.kind, ..identity })
    }

    /// The introspection of a cached answer.
    pub(in crate::service) fn from_cache(cached: CachedAnswer) -> Self {
        if let Some(reason) = Reason::ALL.iter().find(|reason| reason_code(**reason) == cached.code) {
            return Self::inactive(*reason).until(cached.ends_at);
        }
        let kind = if cached.code == NAMED { TokenKind::Named } else { TokenKind::Login };
        Self { json: Cow::Owned(cached.text), reason: None, kind, ends_at: cached.ends_at }
    }

    /// The text that the cache stores: none for an inactive token, whose answer is always the same.
    pub(in crate::service) fn cached_text(&self) -> &[u8] {
        if self.reason.is_none() { &self.json } else { &[] }
    }

    /// The code that the cache stores with the text.
    pub(in crate::service) fn code(&self) -> u8 {
        match (self.reason, self.kind) {
            (Some(reason), _) => reason_code(reason),
            (None, TokenKind::Named) => NAMED,
            (None, TokenKind::Login) => 0,
        }
    }
}

fn reason_code(reason: Reason) -> u8 {
    let place = Reason::ALL.iter().position(|one| *one == reason);
    place.and_then(|at| u8::try_from(at + 1).ok()).expect("the list has every reason")
}
