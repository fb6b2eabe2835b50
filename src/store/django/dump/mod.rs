//! Reads what `manage.py dumpdata` wrote, from whatever database Django has, into tables such as Django's, in a temporary
//! database. SQLite deletes its file as soon as it is open, and keeps a few megabytes of it in memory. Then everything is
//! read from there as from a project's own database.

mod references;
mod stage;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use diesel::SqliteConnection;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::super::StoreError;
use super::origin::Origin;
use crate::domain::django::DjangoOptions;
use stage::Stage;

const MEBIBYTE: u64 = 1 << 20;

/// An object of a dump.
#[derive(Deserialize)]
pub struct Object {
    /// `auth.user`
    pub model: String,
    pub pk: Option<Box<RawValue>>,
    pub fields: Box<RawValue>,
}

pub fn read(
    path: &Path,
    origin: &Origin,
    options: &DjangoOptions,
    on_mebibytes: &mut dyn FnMut(u64, u64),
) -> Result<SqliteConnection, StoreError> {
    let cannot_open =
        |error: std::io::Error| origin.unusable("cannot open", error, "give the file that dumpdata wrote");
    let (input, bytes): (Box<dyn Read>, u64) = if path.as_os_str() == "-" {
        (Box::new(stdin()), 0)
    } else {
        let file = File::open(path).map_err(cannot_open)?;
        let bytes = file.metadata().map_err(cannot_open)?.len();
        (Box::new(file), bytes)
    };
    let mut input = BufReader::with_capacity(1 << 16, Counted { input, all: bytes, read: 0, on_mebibytes });
    let begin = first_byte(&mut input, origin)?;
    let mut stage = Stage::new(origin, options)?;
    let read = match begin {
        b'[' => {
            let mut json = serde_json::Deserializer::from_reader(input);
            Objects(&mut stage).deserialize(&mut json).and_then(|()| json.end())
        }
        // A line for each object (`--format jsonl`).
        _ => serde_json::Deserializer::from_reader(input)
            .into_iter::<Object>()
            .try_for_each(|object| stage.add(object?).map_err(serde_json::Error::custom)),
    };
    if let Some(failure) = stage.failure.take() {
        return Err(failure);
    }
    read.map_err(|error| unreadable(origin, &error))?;
    stage.finish()
}

/// The first byte of the JSON. If the input is not JSON, the error says what it seems to be.
fn first_byte(input: &mut impl BufRead, origin: &Origin) -> Result<u8, StoreError> {
    let is_not_json = |what: &str| {
        StoreError::Unusable(format!("{origin} is {what}; give what `manage.py dumpdata` writes, as JSON"))
    };
    loop {
        let bytes = input.fill_buf().map_err(|error| origin.unusable("cannot read", error, "check the file"))?;
        if bytes.starts_with(b"SQLite format 3\0") {
            return Err(StoreError::Unusable(format!(
                "{origin} is an SQLite database: write --from sqlite://{origin}"
            )));
        }
        let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match bytes.get(blanks) {
            Some(byte @ (b'[' | b'{')) => return Ok(*byte),
            Some(0x1f) => return Err(is_not_json("compressed")),
            Some(b'<') => return Err(is_not_json("XML")),
            Some(_) => return Err(is_not_json("no dump")),
            None if blanks == 0 => return Err(is_not_json("empty")),
            None => input.consume(blanks),
        }
    }
}

/// The error's own words are not shown, because they may hold what the dump holds.
fn unreadable(origin: &Origin, error: &serde_json::Error) -> StoreError {
    let place = format!("line {} column {}", error.line(), error.column());
    let (what, advice) = match error.classify() {
        Category::Io => ("the file cannot be read", "check it"),
        Category::Eof => ("it ends in the middle of an object", "make the dump again"),
        Category::Syntax => ("this is not JSON", "let dumpdata write it with --output, so that nothing else is in it"),
        Category::Data => {
            ("this is not an object as dumpdata writes them", "give what `manage.py dumpdata` writes, as JSON")
        }
    };
    origin.unusable("cannot read", format!("{what}, at {place}"), advice)
}

/// The objects of a dump, one after the other.
struct Objects<'a, 'b>(&'a mut Stage<'b>);

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        while let Some(object) = objects.next_element()? {
            self.0.add(object).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A reader that reports how much was read.
struct Counted<'a> {
    input: Box<dyn Read>,
    all: u64,
    read: u64,
    on_mebibytes: &'a mut dyn FnMut(u64, u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        let before = self.read / MEBIBYTE;
        self.read += bytes as u64;
        (self.on_mebibytes)(self.all.div_ceil(MEBIBYTE), self.read / MEBIBYTE - before);
        Ok(bytes)
    }
}
