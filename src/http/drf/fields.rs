//! Serializer fields: checked values of a body's fields, with DRF's messages (`rest_framework/fields.py`).

use std::time::Duration;

use super::body::{Data, Value};
use super::text::python_strip;
use crate::domain::duration;
use crate::domain::email::email_fault;
use crate::domain::time::Timestamp;
use crate::service::{Error, Faults};

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
const NOT_A_STRING: &str = "Not a valid string.";
/// DRF's message for a text that [`boolean`] does not accept.
pub const NOT_A_BOOLEAN: &str = "Must be a valid boolean.";

/// DRF's message for a text that is not a time.
const NOT_A_MOMENT: &str = "Datetime has wrong format. Use one of these formats instead: \
                            YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";

/// Whether surrounding white space is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// It is removed.
    Yes,
    /// It is part of the text.
    No,
}

/// Reads the fields of one body and collects their faults.
pub struct Fields<'a> {
    data: &'a Data,
    faults: Faults,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// [`Error::Invalid`] for a body that has no fields.
    pub fn of(data: &'a Data) -> Result<Self, Error> {
        let sentence = match data {
            Data::Fields { .. } => return Ok(Self { data, faults: Faults::default() }),
            Data::Null => "No data provided".to_owned(),
            Data::Other(kind) => format!("Invalid data. Expected a dictionary, but got {kind}."),
        };
        Err(Error::invalid(Faults::NON_FIELD, sentence))
    }

    /// A `CharField` that must be present and not blank. Returns an empty text after a fault.
    pub fn required_text(&mut self, name: &str, trim: Trim) -> String {
        match self.data.get(name) {
            None => self.fault(name, REQUIRED),
            Some(Value::Null) => self.fault(name, NULL),
            Some(value) => match self.text_of(name, value, trim) {
                Some(text) if !text.is_empty() => return text,
                Some(_) => self.fault(name, BLANK),
                None => {}
            },
        }
        String::new()
    }

    /// A `CharField` that may be left out, but not be blank.
    pub fn non_blank_text(&mut self, name: &str, trim: Trim) -> Option<String> {
        self.data.get(name)?;
        Some(self.required_text(name, trim))
    }

    /// A `CharField` that may be left out, but not be blank. In a form, an empty one counts as left out.
    pub fn sent_text(&mut self, name: &str) -> Option<String> {
        let is_empty = matches!(self.data.get(name), Some(Value::Text(text)) if text.is_empty());
        if is_empty && self.data.is_form() {
            return None;
        }
        self.non_blank_text(name, Trim::Yes)
    }

    /// An `EmailField` that may be left out or be blank.
    pub fn optional_email(&mut self, name: &str) -> Option<String> {
        let value = self.data.get(name)?;
        let email = match value {
            // A fault of the type has the same message as one of the address.
            Value::Bool(_) | Value::List(_) | Value::Object | Value::File => None,
            _ => Some(self.optional_text(name).unwrap_or_default()),
        };
        let is_blank = match value {
            Value::Null => true,
            Value::Text(text) => python_strip(&String::from_utf8_lossy(text)).is_empty(),
            _ => false,
        };
        if let Some(fault) = email_fault(email.as_deref().unwrap_or_default()).filter(|_| !is_blank) {
            self.fault(name, fault);
        }
        email
    }

    /// A `CharField` that may be left out or be blank.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.data.get(name)? {
            Value::Null => {
                self.fault(name, NULL);
                None
            }
            value => self.text_of(name, value, Trim::Yes),
        }
    }

    /// A text that must be present and not empty, taken as it is: it is not trimmed, and NUL and lone surrogates are
    /// allowed. Numbers are refused.
    pub fn required_raw_text(&mut self, name: &str) -> String {
        match self.data.get(name) {
            None => self.fault(name, REQUIRED),
            Some(Value::Null) => self.fault(name, NULL),
            Some(Value::Text(bytes)) if bytes.is_empty() => self.fault(name, BLANK),
            Some(Value::Text(bytes)) => return String::from_utf8_lossy(bytes).into_owned(),
            Some(_) => self.fault(name, NOT_A_STRING),
        }
        String::new()
    }

    /// A length of time: whole seconds, or text such as `90d`. It may be left out, be null, and in a form be blank.
    pub fn nullable_duration(&mut self, name: &str) -> Option<Duration> {
        let text = match self.data.get(name)? {
            Value::Null => return None,
            Value::Number(text) => text.clone(),
            Value::Text(bytes) => python_strip(&String::from_utf8_lossy(bytes)).to_owned(),
            // No duration, so this is reported as a fault.
            _ => String::from("-"),
        };
        if text.is_empty() && self.data.is_form() {
            return None;
        }
        let span = duration::lifetime(&text);
        if span.is_err() {
            self.fault(name, "Enter whole seconds, or a duration such as 12h or 90d.");
        }
        span.ok()
    }

    /// Whether the body has this field.
    pub fn is_sent(&self, name: &str) -> bool {
        self.data.get(name).is_some()
    }

    /// A `DateTimeField` that may be left out, be null, and in a form be blank.
    pub fn nullable_moment(&mut self, name: &str) -> Option<Timestamp> {
        let text = match self.data.get(name)? {
            Value::Null => return None,
            Value::Text(bytes) => python_strip(&String::from_utf8_lossy(bytes)).to_owned(),
            // No time, so this is reported as a fault.
            _ => String::from("-"),
        };
        if text.is_empty() && self.data.is_form() {
            return None;
        }
        let moment = Timestamp::parse(&text);
        if moment.is_none() {
            self.fault(name, NOT_A_MOMENT);
        }
        moment
    }

    /// A `BooleanField`.
    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        let value = match self.data.get(name)? {
            Value::Bool(value) => return Some(*value),
            Value::Null => {
                self.fault(name, NULL);
                return None;
            }
            Value::Text(text) => boolean(&String::from_utf8_lossy(text)),
            // As in Python, 1.0 equals True and 0.0 equals False.
            Value::Number(text) => match text.as_str() {
                "1" | "1.0" => Some(true),
                "0" | "0.0" | "-0.0" => Some(false),
                _ => None,
            },
            Value::List(_) | Value::Object | Value::File => None,
        };
        if value.is_none() {
            self.fault(name, NOT_A_BOOLEAN);
        }
        value
    }

    /// A `ListField` of texts. In a form, the field is repeated.
    pub fn optional_texts(&mut self, name: &str) -> Option<Vec<String>> {
        let values: Vec<Value> = match self.data {
            Data::Fields { form: true, .. } => self.data.all(name),
            _ => match self.data.get(name)? {
                Value::List(values) => values.clone(),
                Value::Null => {
                    self.fault(name, NULL);
                    return None;
                }
                other => {
                    let kind = type_name(other);
                    self.fault(name, format!("Expected a list of items but got type \"{kind}\"."));
                    return None;
                }
            },
        };
        if values.is_empty() && matches!(self.data, Data::Fields { form: true, .. }) {
            return None;
        }
        values.iter().map(|value| self.text_of(name, value, Trim::Yes)).collect()
    }

    /// The faults so far, for a caller that checks more.
    pub fn faults(self) -> Faults {
        self.faults
    }

    /// # Errors
    /// [`Error::Invalid`] when any field had a fault.
    pub fn finish(self) -> Result<(), Error> {
        self.faults.into_result()
    }

    /// Adds a fault that the caller has found.
    pub fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.add(name, message);
    }

    fn text_of(&mut self, name: &str, value: &Value, trim: Trim) -> Option<String> {
        let bytes = match value {
            Value::Text(bytes) => bytes.as_slice(),
            Value::Number(text) => text.as_bytes(),
            _ => {
                self.fault(name, NOT_A_STRING);
                return None;
            }
        };
        let surrogate = first_surrogate(bytes);
        let has_null = bytes.contains(&0);
        if has_null {
            self.fault(name, "Null characters are not allowed.");
        }
        if let Some(surrogate) = surrogate {
            self.fault(name, format!("Surrogate characters are not allowed: U+{surrogate:X}."));
        }
        if has_null || surrogate.is_some() {
            return None;
        }
        let text = String::from_utf8_lossy(bytes);
        Some(if trim == Trim::Yes { python_strip(&text).to_owned() } else { text.into_owned() })
    }
}

/// A boolean in one of DRF's spellings, in upper or lower case.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
        "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Text(_) => "str",
        // The `n` is that of `inf`.
        Value::Number(text) if text.contains(['.', 'e', 'n']) => "float",
        Value::Number(_) => "int",
        Value::Bool(_) => "bool",
        Value::Null => "NoneType",
        Value::List(_) => "list",
        Value::Object => "dict",
        Value::File => "File",
    }
}

/// The first lone surrogate of WTF-8 text: three bytes that UTF-8 forbids, ED A0..BF xx.
fn first_surrogate(bytes: &[u8]) -> Option<u32> {
    bytes.windows(3).find(|three| three[0] == 0xed && three[1] >= 0xa0).map(|three| {
        (u32::from(three[0] & 0x0f) << 12) | (u32::from(three[1] & 0x3f) << 6) | u32::from(three[2] & 0x3f)
    })
}
