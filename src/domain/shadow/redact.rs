//! Removes keys from answers, so that two answers can be compared, and an answer can be shown.

use serde_json::Value;

use crate::domain::safe_text::{HIDDEN, cut, text_without_keys, visible};

/// Fields of a login's answer that hold a key.
const KEYS: [&str; 3] = ["token", "auth_token", "key"];

/// Other fields that hold a secret.
const SECRETS: [&str; 5] = ["access", "refresh", "access_token", "refresh_token", "password"];

/// Fields that hold a time, which differs at each login.
const TIMES: [&str; 3] = ["expiry", "expires", "expires_at"];

/// How much of a body is shown, in characters.
const MAX_SHOWN: usize = 300;

/// The part of a body that must be equal.
#[derive(PartialEq)]
pub enum Comparable {
    Json(Value),
    Bytes(Vec<u8>),
}

/// A body without keys and times. Other secrets are compared.
pub fn comparable(body: &[u8]) -> Comparable {
    match serde_json::from_slice(body) {
        Ok(value) => Comparable::Json(with_texts_changed(value, &|name, text| match name {
            Some(name) if KEYS.contains(&name) => HIDDEN.to_owned(),
            Some(name) if TIMES.contains(&name) => "[time]".to_owned(),
            _ => text,
        })),
        Err(_) => Comparable::Bytes(body.to_vec()),
    }
}

/// A body as it may be shown: without keys, times, `secrets`, and texts that may be keys, on one line.
pub fn redacted(body: &[u8], secrets: &[String]) -> String {
    let without = |text: &str| {
        let mut text = text.to_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.as_str(), HIDDEN);
        }
        text_without_keys(&text)
    };
    let shown = match serde_json::from_slice(body) {
        Ok(value) => with_texts_changed(value, &|name, text| match name {
            Some(name) if KEYS.contains(&name) || SECRETS.contains(&name) => HIDDEN.to_owned(),
            Some(name) if TIMES.contains(&name) => "[time]".to_owned(),
            _ => without(&text),
        })
        .to_string(),
        Err(_) => without(&String::from_utf8_lossy(body)),
    };
    cut(&visible(&shown), MAX_SHOWN)
}

/// The key in a login's answer.
pub fn key_in(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    KEYS.iter().find_map(|name| body.get(name)?.as_str()).map(ToOwned::to_owned)
}

/// The same JSON, with every text replaced by what `change` makes of it and of its field's name.
fn with_texts_changed(value: Value, change: &impl Fn(Option<&str>, String) -> String) -> Value {
    fn walk(name: Option<&str>, value: Value, change: &impl Fn(Option<&str>, String) -> String) -> Value {
        match value {
            Value::String(text) => Value::String(change(name, text)),
            Value::Array(values) => values.into_iter().map(|value| walk(None, value, change)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(field, value)| {
                    let value = walk(Some(&field), value, change);
                    (change(None, field), value)
                })
                .collect(),
            other => other,
        }
    }
    walk(None, value, change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
        let secrets = ["seven \"grey\" geese".to_owned(), String::new()];
        for (body, shown) in [
            (format!(r#"{{"token":"{key}","expiry":"2026"}}"#), r#"{"token":"[hidden]","expiry":"[time]"}"#),
            (r#"{"token":["Not a string."]}"#.into(), r#"{"token":["Not a string."]}"#),
            (r#"{"detail":"no seven \"grey\" geese"}"#.into(), r#"{"detail":"no [hidden]"}"#),
            (format!(r#"{{"detail":"{key} is bad","{key}":1}}"#), r#"{"detail":"[hidden] is bad","[hidden]":1}"#),
            (format!("<p>{key}</p>\n"), "<p>[hidden]</p>\\n"),
        ] {
            assert_eq!(redacted(body.as_bytes(), &secrets), shown);
        }
    }

    #[test]
    fn the_key_of_each_package_is_found() {
        for body in [r#"{"token":"k"}"#, r#"{"auth_token":"k"}"#, r#"{"key":"k"}"#, r#"{"expiry":null,"token":"k"}"#] {
            assert_eq!(key_in(body.as_bytes()).as_deref(), Some("k"));
        }
        for body in ["", "[]", r#"{"token":7}"#, r#"{"detail":"k"}"#] {
            assert_eq!(key_in(body.as_bytes()), None);
        }
    }
}
