//! Prints data to standard output: lines, fields and JSON.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Failure;
pub use crate::domain::safe_text::visible;

/// Prints a line. A reader that has seen enough (`| head`) is no failure.
pub fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says on standard error what was done. A name in it cannot change how the rest is read.
pub fn say(sentence: &str) {
    eprintln!("{}", visible(sentence));
}

/// Prints an object's fields, one a line; what an object in it has, after that one's name. What is null is empty.
pub fn fields(object: &Map<String, Value>, print: &impl Fn(&str, &str) -> Result<(), Failure>) -> Result<(), Failure> {
    named_fields("", object, print)
}

fn named_fields(
    before: &str,
    object: &Map<String, Value>,
    print: &impl Fn(&str, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for (name, value) in object {
        let name = format!("{before}{name}");
        match value {
            Value::Null => print(&name, "")?,
            Value::Object(inner) => named_fields(&format!("{name}."), inner, print)?,
            Value::String(text) => print(&name, &visible(text))?,
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                print(&name, &visible(&items.join(",")))?;
            }
            Value::Bool(_) | Value::Number(_) => print(&name, &value.to_string())?,
        }
    }
    Ok(())
}

/// A value as JSON's object.
pub fn object<T: Serialize>(value: &T) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(Failure::new(format!("{other} is no object"))),
        Err(error) => Err(Failure::new(error.to_string())),
    }
}

/// Prints a JSON array with an element a line.
pub fn json_array<T: Serialize>(rows: &[T]) -> Result<(), Failure> {
    let rows: Vec<String> = rows
        .iter()
        .map(|row| serde_json::to_string(row).map_err(|error| Failure::new(error.to_string())))
        .collect::<Result<_, _>>()?;
    if rows.is_empty() { line("[]") } else { line(&format!("[\n{}\n]", rows.join(",\n"))) }
}
