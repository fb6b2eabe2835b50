//! Parses the settings and collects all faults, each with the name of its setting.

use std::collections::BTreeMap;

use super::setting::Setting;
use super::{Config, Source};

/// The texts of the settings, by name. If a setting is missing here, its fault has been recorded already.
pub type Texts = BTreeMap<&'static str, (String, Source)>;

/// Every setting, in the order of the documentation. The rows are collected by reading the settings as if none were
/// set.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let nothing = Texts::new();
    let mut reader = Reader::new(&nothing);
    Config::read(&mut reader);
    reader.rows
}

/// Reads settings, and collects their rows and faults.
pub struct Reader<'a> {
    texts: &'a Texts,
    section: &'static str,
    rows: Vec<Setting>,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    pub const fn new(texts: &'a Texts) -> Self {
        Self { texts, section: "", rows: Vec::new(), faults: Vec::new() }
    }

    /// Puts the settings that follow under this heading of the documentation.
    pub const fn under(&mut self, section: &'static str) -> &mut Self {
        self.section = section;
        self
    }

    /// A setting that always has a value. Messages of faults must not contain secrets.
    pub fn read<T>(&mut self, setting: Setting, parse: impl Fn(&str) -> Result<T, String>) -> T {
        match self.text(setting).map(&parse) {
            Some(Ok(value)) => return value,
            Some(Err(error)) => self.fault(setting.name, &error),
            None => {}
        }
        // The default stands in, so that the other settings are read too. Nobody gets this value, because of the fault.
        parse(setting.default).unwrap_or_else(|error| panic!("the default of {}: {error}", setting.name))
    }

    /// A setting that may be unset.
    pub fn maybe<T>(&mut self, setting: Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(setting).filter(|text| !text.is_empty())?;
        parse(text).map_err(|error| self.fault(setting.name, &error)).ok()
    }

    /// Two settings that must be set together or not at all.
    pub fn pair(&mut self, first: Setting, second: Setting) -> Option<(String, String)> {
        let (Some(one), Some(other)) = (self.text(first), self.text(second)) else { return None };
        let (present, missing) = match (one.is_empty(), other.is_empty()) {
            (false, false) => return Some((one.to_owned(), other.to_owned())),
            (true, true) => return None,
            (false, true) => (first, second),
            (true, false) => (second, first),
        };
        self.fault(missing.name, &format!("it is missing, but {} is set", present.name));
        None
    }

    /// Adds a fault of a setting.
    pub fn fault(&mut self, name: &str, words: &str) {
        self.faults.push(format!("{name}: {words}"));
    }

    /// Whether any of these settings has a fault.
    pub fn has_fault_of(&self, names: &[&str]) -> bool {
        self.faults.iter().any(|fault| names.iter().any(|name| is_about(fault, name)))
    }

    /// The rows of the settings that were read, and their faults.
    pub fn finish(self) -> (Vec<Setting>, Vec<String>) {
        (self.rows, self.faults)
    }

    fn text(&mut self, setting: Setting) -> Option<&'a str> {
        self.rows.push(Setting { section: self.section, ..setting });
        self.texts.get(setting.name).map(|(text, _)| text.as_str())
    }
}

/// Whether a fault is about the setting of this name, or about its `_FILE`.
pub fn is_about(fault: &str, name: &str) -> bool {
    let rest = fault.strip_prefix(name);
    rest.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with("_FILE: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_row_a_heading_and_a_help_text() {
        let rows = settings();
        let mut names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().all(|row| !row.section.is_empty() && !row.help.is_empty()));
    }
}
