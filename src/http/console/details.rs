//! The details of an audit entry, in the words of support.

use serde_json::Value;

use super::widgets::Moment;
use crate::domain::time::Timestamp;
use crate::service::LoginRefusal;

/// One of the details: what, and its value.
pub struct Detail {
    pub name: String,
    pub value: String,
    /// The value, if it is a time.
    pub at: Option<Moment>,
}

/// The details of an entry.
pub fn details(details: Value) -> Vec<Detail> {
    match details {
        Value::Object(fields) => fields.iter().map(|(name, value)| detail(name, value)).collect(),
        other => vec![Detail { name: String::new(), value: words(&other), at: None }],
    }
}

fn detail(name: &str, value: &Value) -> Detail {
    let text = words(value);
    let value = match name {
        "expires_at" if value.is_null() => "never".to_owned(),
        "reason" => reason(&text).map_or_else(|| text.replace('_', " "), ToOwned::to_owned),
        _ => text,
    };
    let is_time = name.ends_with("_at") || name.ends_with("_until");
    let at = if is_time { Timestamp::parse(&value).map(Moment) } else { None };
    // `is_staff` is "staff": the value says whether.
    Detail { name: name.strip_prefix("is_").unwrap_or(name).replace('_', " "), value, at }
}

fn words(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Null => "none".into(),
        Value::String(text) if text.is_empty() => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".into(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Why a login was refused, by the word of an audit entry.
pub fn reason(word: &str) -> Option<&'static str> {
    let refusal = LoginRefusal::ALL.into_iter().find(|refusal| refusal.as_str() == word);
    match (refusal, word) {
        (Some(refusal), _) => Some(sentence(refusal)),
        (None, "throttled") => Some("too many failed attempts before it; the password was not checked"),
        (None, "limit") => Some("right password, but the user has as many tokens as are allowed"),
        (None, _) => None,
    }
}

const fn sentence(refusal: LoginRefusal) -> &'static str {
    match refusal {
        LoginRefusal::UnknownUser => "no user has this name",
        LoginRefusal::WrongPassword => "wrong password",
        LoginRefusal::Inactive => "the user is inactive",
        LoginRefusal::NoPassword => "the user has no password",
        LoginRefusal::TooCostly => "the stored password hash costs too much to check",
        LoginRefusal::NotStaff => "right password, but the console is for staff",
    }
}

/// Where somebody who was logged in gave a password, for a change, if that was refused and no login.
pub fn asked_at(details: &Value) -> Option<&str> {
    details["via"].as_str().filter(|via| via.starts_with('/'))
}

/// Whether a login that was refused for this reason was that of an existing user.
pub fn is_of_known_user(word: &str) -> bool {
    word != LoginRefusal::UnknownUser.as_str() && word != "throttled" && reason(word).is_some()
}
