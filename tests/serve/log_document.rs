//! `docs/logging.md` has every field of the log, and example lines that are consistent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md")).unwrap()
}

/// The names in the first column of the table of fields.
fn documented() -> BTreeSet<String> {
    let document = document();
    let (_, fields) = document.split_once("## Fields").unwrap();
    let (fields, _) = fields.split_once("\n## ").unwrap();
    let columns = fields.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(first, _)| first));
    columns.flat_map(|names| names.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The fields of each log call in `src/`: the text before its message, `name = value, ..`.
fn written() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    let mut written = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for word in ["log!(", "error!(", "warn!(", "info!(", "debug!(", "trace!("] {
            for (at, call) in text.match_indices(&format!("log::{word}")) {
                let rest = &text[at + call.len()..];
                let before = rest.split('"').next().unwrap();
                written.push((path.clone(), before.to_owned()));
            }
        }
    }
    written
}

#[test]
fn every_field_of_the_log_is_in_the_document_and_no_other() {
    let (mut fields, mut lines) =
        (BTreeSet::from(["time", "level", "target", "message", "request_id"].map(str::to_owned)), 0);
    for (path, before) in written() {
        lines += 1;
        // No field uses `Debug`, which would print `Some(127.0.0.1)`.
        assert!(!before.contains(":?"), "{}: {before}", path.display());
        for pair in before.split([',', ';']) {
            if let Some((name, _)) = pair.split_once(" = ") {
                fields.insert(name.trim().to_owned());
            }
        }
    }
    assert!(lines > 25, "the lines are found: {lines}");
    assert_eq!(fields, documented());
}

#[test]
fn the_example_lines_in_the_document_agree_with_each_other_and_the_fields() {
    let document = document();
    let (names, mut shown) = (documented(), 0);
    let lines: Vec<Value> = document.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for line in &lines {
        let object = line.as_object().unwrap();
        assert!(object.keys().all(|name| names.contains(name)), "{line}");
        // This is the same line in the text format.
        let text = format!(
            "{} {:5} {}: {}",
            line["time"].as_str().unwrap(),
            line["level"].as_str().unwrap(),
            line["target"].as_str().unwrap(),
            line["message"].as_str().unwrap()
        );
        let fields: String = object
            .iter()
            .skip(4)
            .map(|(name, value)| format!(" {name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        assert!(document.contains(&(text + &fields)), "{line} is not there as text");
        shown += 1;
    }
    assert_eq!(shown, 2);
}
