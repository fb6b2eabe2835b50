//! The documents: the book has every page, each link leads somewhere, and README is short.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::documents::blocks::parse;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    crate::documents::documents().into_iter().map(|page| root().join(page)).collect()
}

/// The text without blocks of code, in which a bracket is no link.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of `[words](target)`.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.map(ToOwned::to_owned).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text)
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim().to_owned()))
        .collect::<Vec<_>>();
    let anchor = |heading: &String| {
        let kept = heading.to_lowercase();
        kept.chars()
            .filter(|one| one.is_alphanumeric() || " -_".contains(*one))
            .map(|one| if one == ' ' { '-' } else { one })
            .collect()
    };
    headings.iter().map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&prose(&text)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let is_there = target.exists()
                && anchor
                    .is_none_or(|anchor| fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !is_there {
                broken.push(format!("{}: {link}", document.strip_prefix(root()).unwrap().display()));
            }
            followed += 1;
        }
    }
    assert!(broken.is_empty() && followed > 100, "{followed} links, broken: {broken:#?}");
}

#[test]
fn every_picture_is_there_is_small_and_is_described() {
    let (mut shown, mut faults) = (BTreeSet::new(), Vec::new());
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for tag in text.split("<img ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let value = |name: &str| tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
            let file = document.parent().unwrap().join(value("src").unwrap_or_default()).canonicalize();
            let size = file.as_ref().map_or(u64::MAX, |file| file.metadata().unwrap().len());
            if size > 100 * 1024 || value("alt").is_none_or(|alt| alt.split(' ').count() < 4) {
                faults.push(format!("{}: {tag}", document.display()));
            }
            shown.extend(file.ok());
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let images = fs::read_dir(root().join("docs/images")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(shown, images.map(|image| image.canonicalize().unwrap()).collect());
}

#[test]
fn the_book_has_every_page_of_docs() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary).into_iter().filter(|link| !link.starts_with("../")).collect();
    let pages = documents().into_iter().filter(|page| page.parent() == Some(&root().join("docs")));
    let names: BTreeSet<String> = pages.map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(listed, names.into_iter().filter(|name| name != "SUMMARY.md").collect());
}

#[test]
fn the_readme_is_short_and_begins_with_the_start_and_the_tests() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = parse(&text);
    let start: Vec<_> = blocks.iter().filter(|block| block.section == "Start it").map(|block| &block.text).collect();
    assert_eq!(start, ["cargo run --release\n", "scripts/test\n"]);
    let words = prose(&text).split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
    assert!(words < 900, "{words} words");
}

/// The number before `unit` in a text, `,` between thousands.
fn number_before(text: &str, unit: &str) -> f64 {
    let (before, _) = text.split_once(unit).unwrap_or_else(|| panic!("no {unit}"));
    before.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn the_readmes_figures_are_those_that_were_measured() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let measured = fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
    let figure = |section: &str, row: &str, column: usize| -> f64 {
        let (_, rows) = measured.split_once(&format!("\n## {section}")).expect("a section");
        let row = rows.lines().find(|line| line.starts_with(&format!("| {row} |"))).expect("a row");
        let cell = row.split('|').nth(column + 1).unwrap().trim().trim_end_matches('x').replace(',', "");
        cell.parse().unwrap()
    };
    let checks = figure("Hot introspection, PostgreSQL", "jeton", 1);
    assert!((number_before(&readme, " checks a second") / checks - 1.0).abs() < 0.1, "{checks} checks a second");
    assert!(number_before(&readme, " times as many as a bare") <= figure("Hot introspection, PostgreSQL", "jeton", 5));
    let service = figure("A Django REST framework service", "`JetonAuthentication`, with its `Verifier`", 4);
    assert!(number_before(&readme, " times as many requests") <= service, "{service}");
    let memory = figure("Memory", "idle, PostgreSQL", 1);
    assert!((number_before(&readme, " MiB of memory") - memory).abs() <= 1.0, "{memory} MiB");
}
