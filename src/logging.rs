//! Log lines, to standard error: for people, or one JSON object a line. Both carry the same fields.

use std::io::Write;

use env_logger::Builder;
use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Log, Record};
use serde_json::{Map, json};

use crate::config::LogFormat;
use crate::domain::time::Clock;

/// Starts logging; a second start in one process changes nothing.
pub fn start(filter: &str, format: LogFormat) {
    let mut builder = Builder::new();
    // What actix says of malformed requests is the senders' fault, and anybody could fill the log with it.
    builder.parse_filters(&format!("actix_http=off,{filter}"));
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json_line),
    };
    let logger = builder.build();
    let level = logger.filter();
    if log::set_boxed_logger(Box::new(logger) as Box<dyn Log>).is_ok() {
        log::set_max_level(level);
    }
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut fields = Fields::default();
    fields.read(record);
    write!(
        out,
        "{} {:5} {}: {}",
        Clock::System.now(),
        record.level(),
        record.target(),
        one_line(&record.args().to_string())
    )?;
    for (name, value) in fields.0 {
        match value {
            serde_json::Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => {
                write!(out, " {name}={}", one_line(&text))?;
            }
            value => write!(out, " {name}={value}")?,
        }
    }
    writeln!(out)
}

fn json_line(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut fields = Fields::default();
    fields.0.insert("time".into(), json!(Clock::System.now()));
    fields.0.insert("level".into(), json!(record.level().as_str()));
    fields.0.insert("target".into(), json!(record.target()));
    fields.0.insert("message".into(), json!(record.args().to_string()));
    fields.read(record);
    writeln!(out, "{}", serde_json::Value::Object(fields.0))
}

/// What a caller sends must not begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[derive(Default)]
struct Fields(Map<String, serde_json::Value>);

impl Fields {
    fn read(&mut self, record: &Record<'_>) {
        // Visiting fails only where `visit_pair` does, and it does not.
        let _ = record.key_values().visit(self);
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = if let Some(number) = value.to_u64() {
            json!(number)
        } else if let Some(number) = value.to_i64() {
            json!(number)
        } else if let Some(truth) = value.to_bool() {
            json!(truth)
        } else {
            json!(value.to_string())
        };
        self.0.insert(key.as_str().to_owned(), value);
        Ok(())
    }
}
