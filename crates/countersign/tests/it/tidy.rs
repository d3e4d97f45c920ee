//! Rules of the house that no compiler holds: who may use what, and that the words about the code are true of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files larger than this are no source.
const MOST_BYTES: u64 = 1_048_576;

/// Uses of the engine against its order, each known: a policy's field is a place in the table of checks, a check counts
/// the events that a field names, and history is asked by such a field's subject.
const KNOTS: [(&str, &str); 2] = [("field", "check"), ("history", "field")];

/// Folders that hold what is built or fetched, not what is written.
const BUILT: [&str; 4] = ["target", "node_modules", ".git", "dist"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every file under `folder`, with what is built left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !BUILT.contains(&name.to_str().unwrap()) {
                found.extend(files(&path));
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let sources = files(folder).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
    sources.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Lines of code: without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// The pages that people read.
fn pages() -> Vec<(PathBuf, String)> {
    let all = files(&root()).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    all.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    // Blocks of code are no names: their fences would turn inside out what follows.
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

#[test]
fn every_file_that_a_page_names_exists() {
    let mut missing = Vec::new();
    let mut named = 0;
    for (path, text) in pages() {
        for name in quoted(&text).filter(|name| ["crates/", "sdk/", "docs/"].iter().any(|top| name.starts_with(top))) {
            named += 1;
            if !root().join(name).exists() {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(named > 100, "pages name files: {named}");
    assert!(missing.is_empty(), "named, and not there: {missing:#?}");
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let sources: String = rust_files(&root().join("crates")).into_iter().map(|(_, text)| text).collect();
    let is_test = |name: &&str| name.matches('_').count() >= 3 && name.chars().all(|c| c == '_' || c.is_lowercase());
    let named: Vec<&str> = quoted(&page).filter(is_test).collect();
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in pages() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let is_ours = !file.is_empty() && !file.contains("://") && !file.contains(char::is_whitespace);
            if is_ours && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_sample_of_json_is_json() {
    let mut wrong = Vec::new();
    for (path, text) in pages() {
        for sample in text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(sample) {
                wrong.push(format!("{}: {error}: {sample}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sql_stands_in_the_store_alone() {
    let keywords = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE FROM ", "\"CREATE TABLE "];
    for name in ["engine", "server", "countersign"] {
        for (path, text) in rust_files(&root().join("crates").join(name).join("src")) {
            let found = code(&text).find(|line| keywords.iter().any(|keyword| line.contains(keyword)));
            assert_eq!(found, None, "{} holds SQL", path.display());
        }
    }
}

#[test]
fn operations_and_rows_know_no_driver() {
    for folder in ["op", "row"] {
        for (path, text) in rust_files(&root().join("crates/store/src").join(folder)) {
            assert_eq!(code(&text).find(|line| line.contains("rusqlite")), None, "{} knows a driver", path.display());
        }
    }
}

#[test]
fn a_module_of_the_engine_uses_only_those_below_it() {
    let source = root().join("crates/engine/src");
    let list = fs::read_to_string(source.join("lib.rs")).unwrap();
    let order: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() > 10, "{order:?}");
    let place = |name: &str| order.iter().position(|module| *module == name);
    let mut wrong = Vec::new();
    for (path, text) in rust_files(&source) {
        let first = path.strip_prefix(&source).unwrap().iter().next().unwrap().to_str().unwrap();
        let Some(own) = place(first.trim_end_matches(".rs")) else { continue };
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for used in used_modules(shipped) {
            let Some(other) = place(&used) else { continue };
            let is_known = KNOTS.contains(&(order[own], used.as_str()));
            if other < own && !is_known {
                wrong.push(format!("{} uses `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "what is used stands above it in lib.rs: {wrong:#?}");
}

/// The modules behind every `crate::`: also inside `use crate::{…}`.
fn used_modules(text: &str) -> Vec<String> {
    let without_comments: String = code(text).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for rest in without_comments.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            used.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && c.is_alphabetic() => {
                    used.push(word(group.get(at..).unwrap()));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn no_file_is_too_large_to_read() {
    for path in files(&root()) {
        let size = fs::metadata(&path).unwrap().len();
        // Tables of addresses: data, each described in data/manifest.toml.
        if path.extension().is_some_and(|ext| ext == "ranges") {
            continue;
        }
        assert!(size <= MOST_BYTES, "{} holds {size} bytes", path.display());
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim());
    let missing: Vec<_> = names.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/dependencies.md gives no reason for {missing:?}");
}

#[test]
fn every_metric_is_described_to_operators() {
    let telemetry = fs::read_to_string(root().join("crates/server/src/telemetry.rs")).unwrap();
    let page = fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let names = telemetry.split('"').filter(|text| text.starts_with("countersign_"));
    let missing: Vec<_> = names.filter(|name| !page.contains(name)).collect();
    assert!(missing.is_empty(), "docs/operating.md doesn't know {missing:?}");
}
