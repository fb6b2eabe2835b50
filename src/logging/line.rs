//! The format of a line, as text and as JSON.

use std::fmt::Write as _;
use std::io::Write;

use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use serde_json::{Map, json};

use super::RequestContext;
use crate::domain::safe_text::{is_invisible, one_line, visible};
use crate::domain::time::Clock;

const REQUEST_ID: &str = "request_id";

pub fn text(out: &mut impl Write, record: &Record<'_>) -> std::io::Result<()> {
    let message = visible(&one_line(&record.args().to_string()));
    write!(out, "{} {:5} {}: {message}", Clock::System.now(), record.level(), record.target())?;
    for (name, value) in Fields::default().of(record) {
        match value.as_str() {
            Some(text) if is_plain(text) => write!(out, " {name}={text}")?,
            _ => write!(out, " {name}={}", escaped(&value))?,
        }
    }
    writeln!(out)
}

pub fn json(out: &mut impl Write, record: &Record<'_>) -> std::io::Result<()> {
    let mut fields = Fields::default();
    fields.0.insert("time".into(), json!(Clock::System.now()));
    fields.0.insert("level".into(), json!(record.level().as_str()));
    fields.0.insert("target".into(), json!(record.target()));
    fields.0.insert("message".into(), json!(one_line(&record.args().to_string())));
    writeln!(out, "{}", escaped(&serde_json::Value::Object(fields.of(record))))
}

/// Whether text can be written without quotes. What a caller sends must not look like another field or begin a new
/// line.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || "\"=\\".contains(c))
}

/// JSON in which control and bidirectional characters are escaped, so that they do not change what a terminal shows.
fn escaped(value: &serde_json::Value) -> String {
    let json = value.to_string();
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // All of them are in the plane that four digits after `\u` can name.
        let written = if c.is_control() || is_invisible(c) {
            write!(escaped, "\\u{:04x}", u32::from(c))
        } else {
            escaped.write_char(c)
        };
        written.expect("a string takes everything");
    }
    escaped
}

#[derive(Default)]
struct Fields(Map<String, serde_json::Value>);

impl Fields {
    /// The fields of the current request, then the line's own.
    fn of(mut self, record: &Record<'_>) -> Map<String, serde_json::Value> {
        if let Some(request) = RequestContext::current() {
            self.0.insert(REQUEST_ID.into(), json!(request.id()));
        }
        // Visiting fails only where `visit_pair` does, and it does not.
        let _ = record.key_values().visit(&mut self);
        self.0
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut read = Read(serde_json::Value::Null);
        value.visit(&mut read)?;
        // A field without a value is left out.
        if !read.0.is_null() {
            self.0.insert(key.as_str().to_owned(), read.0);
        }
        Ok(())
    }
}

/// A field's value: numbers and booleans keep their type, everything else becomes text.
struct Read(serde_json::Value);

impl VisitValue<'_> for Read {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = json!(value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), Error> {
        self.0 = json!(u64::try_from(value).unwrap_or(u64::MAX));
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(record: &Record<'_>) -> String {
        escaped(&serde_json::Value::Object(Fields::default().of(record)))
    }

    #[test]
    fn fields_are_plain_and_what_is_not_known_is_left_out() {
        let address: Option<std::net::IpAddr> = "2001:db8::1".parse().ok();
        let values: &[(&str, Value<'_>)] = &[
            ("address", log::kv::ToValue::to_value(&address)),
            ("none", log::kv::ToValue::to_value(&None::<&str>)),
            ("status", Value::from(503_u16)),
            ("micros", Value::from(7_u128)),
            ("share", Value::from(0.5)),
            ("yes", Value::from(true)),
            ("user", Value::from("a\n\u{202e}\u{9b}\"b")),
        ];
        let record = Record::builder().key_values(&values).build();
        assert_eq!(
            fields(&record),
            r#"{"address":"2001:db8::1","status":503,"micros":7,"share":0.5,"yes":true,"user":"a\n\u202e\u009b\"b"}"#
        );
    }

    #[test]
    fn a_line_has_the_id_of_the_current_request_also_on_another_thread() {
        let nothing = Record::builder().build();
        let record = || fields(&nothing);
        assert_eq!(record(), "{}");
        let request = RequestContext::new("an-id");
        let (here, there) = request.clone().run(|| {
            RequestContext::set_user("amy");
            RequestContext::set_client("too late");
            let propagate = super::super::propagate(|| fields(&Record::builder().build()));
            (record(), std::thread::scope(|scope| scope.spawn(propagate).join().unwrap()))
        });
        assert_eq!([here.as_str(), there.as_str()], [r#"{"request_id":"an-id"}"#; 2]);
        assert_eq!((request.user(), request.client()), (Some("amy"), None));
        assert_eq!(record(), "{}");
    }
}
