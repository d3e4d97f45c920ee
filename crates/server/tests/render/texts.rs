//! The catalogues against the code that asks for them, and against each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_server::texts::Texts;

use crate::samples;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn folders(path: &str) -> BTreeSet<String> {
    fs::read_dir(here(path)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The keys that a language's folder defines.
fn defined(language: &str) -> BTreeSet<String> {
    let lines: Vec<String> =
        files(&here("texts").join(language)).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
    lines
        .iter()
        .flat_map(|text| text.lines())
        .filter(is_key)
        .filter_map(|line| line.split_once(" ="))
        .map(|(key, _)| key.to_owned())
        .collect()
}

/// Every word in quotes, in sources and templates: what might be a key.
fn quoted() -> BTreeSet<String> {
    let sources = files(&here("src")).into_iter().chain(files(&here("templates")));
    let texts: Vec<String> = sources.map(|file| fs::read_to_string(file).unwrap()).collect();
    texts.iter().flat_map(|text| text.split('"')).map(str::to_owned).collect()
}

#[test]
fn every_key_that_is_asked_for_exists() {
    let defined = defined("en");
    let sources = files(&here("templates"));
    for file in sources {
        let text = fs::read_to_string(&file).unwrap();
        for asker in [".text(\"", ".around(\"", ".text_with(\""] {
            for key in text.split(asker).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(defined.contains(key), "{}: {key}", file.display());
            }
        }
    }
}

#[test]
fn every_text_is_asked_for() {
    let quoted = quoted();
    // Titles are asked for by their state's name, and one text is part of others.
    let titles: BTreeSet<String> =
        samples::all().iter().map(|(_, _, state)| format!("{}-title", state.name())).collect();
    let built = ["choose-title-sharing", "lifetime"];
    for key in defined("en") {
        assert!(quoted.contains(&key) || titles.contains(&key) || built.contains(&key.as_str()), "nobody says {key}");
    }
}

#[test]
fn every_folder_is_a_language_with_all_of_englishs_keys() {
    let texts = Texts::load().unwrap();
    assert_eq!(texts.languages().map(str::to_owned).collect::<BTreeSet<_>>(), folders("texts"));
    let english = defined("en");
    for language in texts.languages() {
        assert_eq!(defined(language), english, "{language}");
    }
}
