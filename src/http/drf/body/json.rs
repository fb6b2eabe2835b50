//! JSON as Python's `json.loads` and DRF's `JSONParser` read it: numbers as Python prints them, lone surrogates kept.

use serde_json::value::RawValue;

use super::charset::Charset;
use super::data::{Data, Value};

/// Python's `sys.int_info.default_max_str_digits`.
const MAX_INTEGER_DIGITS: usize = 4300;

/// Reads a JSON body. An error is the text after `JSON parse error - `.
pub fn json(body: &[u8], charset: Charset) -> Result<Data, String> {
    let text = charset.strict(body)?;
    if text.starts_with('\u{feff}') {
        return Err("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)".into());
    }
    let raw: &RawValue = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let text = raw.get();
    refuse_huge_integers(text)?;
    Ok(match text.as_bytes()[0] {
        b'{' => {
            let Members(members) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let fields = members.into_iter().map(|(name, raw)| Ok((name, value(raw)?)));
            Data::Fields { fields: fields.collect::<Result<_, String>>()?, form: false }
        }
        b'[' => Data::Other("list"),
        b'"' => Data::Other("str"),
        b't' | b'f' => Data::Other("bool"),
        b'n' => Data::Null,
        _ if text.contains(['.', 'e', 'E']) => Data::Other("float"),
        _ => Data::Other("int"),
    })
}

fn value(raw: &RawValue) -> Result<Value, String> {
    let text = raw.get();
    Ok(match text.as_bytes()[0] {
        b'{' => Value::Object,
        b'[' => {
            let members: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Value::List(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        b'"' => {
            let Wtf8(text) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Value::Text(text)
        }
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'n' => Value::Null,
        _ => Value::Number(python_number(text)?),
    })
}

/// A member of a list. No field takes lists of lists, and parsing nested lists would let a client exhaust the stack.
fn member(raw: &RawValue) -> Result<Value, String> {
    if raw.get().starts_with('[') { Ok(Value::List(Vec::new())) } else { value(raw) }
}

/// Refuses integers of more than 4,300 digits anywhere in the JSON, as Python does.
fn refuse_huge_integers(text: &str) -> Result<(), String> {
    if text.len() <= MAX_INTEGER_DIGITS {
        return Ok(());
    }
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[start..];
        let in_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let length = if rest.starts_with('"') {
            string_length(rest)
        } else {
            let length = rest.find(|c| !in_number(c)).unwrap_or(rest.len());
            python_number(&rest[..length])?;
            length
        };
        rest = &rest[length..];
    }
    Ok(())
}

/// How long the JSON string at the start of a text is, with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// A JSON number as Python's `str()` writes it after `json.loads`.
fn python_number(text: &str) -> Result<String, String> {
    if !text.contains(['.', 'e', 'E']) {
        let digits = text.trim_start_matches('-').len();
        if digits > MAX_INTEGER_DIGITS {
            return Err(format!(
                "Exceeds the limit ({MAX_INTEGER_DIGITS} digits) for integer string conversion: value has {digits} digits"
            ));
        }
        return Ok(if text == "-0" { "0".into() } else { text.to_owned() });
    }
    let number: f64 = text.parse().map_err(|_| "a number cannot be read".to_owned())?;
    if number.is_infinite() {
        return Ok(if number > 0.0 { "inf".into() } else { "-inf".into() });
    }
    // Rust and Python print the same shortest digits, but choose between the two notations differently.
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    Ok(if (-4..16).contains(&exponent) {
        format!("{number:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    })
}

/// The text of a JSON string; lone surrogates are kept.
struct Wtf8(Vec<u8>);

impl<'de> serde::Deserialize<'de> for Wtf8 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Wtf8Visitor)
    }
}

struct Wtf8Visitor;

impl serde::de::Visitor<'_> for Wtf8Visitor {
    type Value = Wtf8;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Wtf8, E> {
        Ok(Wtf8(bytes.to_vec()))
    }
}

/// The members of a JSON object, in order, with duplicates. A lone surrogate in a name becomes a replacement character,
/// because no field has such a name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(std::marker::PhantomData))
    }
}

struct MembersVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> serde::de::Visitor<'de> for MembersVisitor<'a> {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some(Wtf8(name)) = map.next_key()? {
            members.push((String::from_utf8_lossy(&name).into_owned(), map.next_value()?));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_do_not_exhaust_the_stack() {
        let depth = 100_000;
        let body = format!("{{\"username\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let data = json(body.as_bytes(), Charset::Known(encoding_rs::UTF_8)).unwrap();
        assert!(matches!(data.get("username"), Some(Value::List(members)) if members.len() == 1));
    }

    #[test]
    fn numbers_as_python_writes_them() {
        for (json, python) in [
            ("0", "0"),
            ("-0", "0"),
            ("123", "123"),
            ("-7", "-7"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1.0", "1.0"),
            ("1.5", "1.5"),
            ("-0.0", "-0.0"),
            ("1e22", "1e+22"),
            ("1e16", "1e+16"),
            ("1e15", "1000000000000000.0"),
            ("1.5e300", "1.5e+300"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.25e-7", "1.25e-07"),
            ("1e999", "inf"),
            ("-1e999", "-inf"),
            ("123456.789", "123456.789"),
            ("9007199254740993.0", "9007199254740992.0"),
            ("1E5", "100000.0"),
        ] {
            assert_eq!(python_number(json).as_deref(), Ok(python), "{json}");
        }
        assert!(python_number(&"9".repeat(4301)).is_err());
        let read = |body: &str| json(body.as_bytes(), Charset::Known(encoding_rs::UTF_8));
        for digits in [4300, 4301] {
            let number = "9".repeat(digits);
            let deep = [format!("[-{number}]"), format!("{{\"a\":{{\"b\\\"\":{number}}}}}"), number.clone()];
            assert!(deep.iter().all(|body| read(body).is_ok() == (digits == 4300)), "{digits}");
            assert!(read(&format!("[\"\\\\\",\"\\\"{number}\",{number}.0,{number}e1]")).is_ok());
        }
    }
}
