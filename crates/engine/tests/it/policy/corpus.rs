//! Sits the exam of `policy-cases/`: rows worked out by hand, one condition each.
//!
//! A row is a name, a text, what is known, what must come of it, and for an error what must be said. Each row that can
//! be read is asked in every form that it has: as it stands, printed and read again, as JSON, and compiled beside others.

use std::{fs, path::PathBuf};

use countersign_engine::{
    fact::{Kind, Severity},
    field::Field,
    policy::{Condition, Truth, check, syntax},
};

use super::{
    compile, id,
    naive::{self, Value, World},
    names, policy, tag,
};

fn rows() -> Vec<(String, Vec<String>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policy-cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<_> = line.split('\t').map(|cell| cell.replace('⏎', "\n")).collect();
            assert!((4..=5).contains(&cells.len()), "{}: {line:?} has not 4 or 5 cells", file.display());
            let name = cells.first().unwrap();
            rows.push((format!("{}: {name}", file.file_stem().unwrap().to_string_lossy()), cells));
        }
    }
    rows
}

fn world(known: &str) -> World {
    let fact = |fact: &str| {
        let (name, value) = fact.split_once('=').unwrap();
        let kind = if name.contains(" in_list ") { Kind::Bool } else { Field::parse(name).unwrap().kind() };
        (name.to_owned(), value_of(kind, value))
    };
    known.split(';').filter(|fact| !fact.is_empty()).map(fact).collect()
}

fn value_of(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Bool => Value::Bool(text.parse().unwrap()),
        Kind::Number => Value::Number(text.parse().unwrap()),
        Kind::Text => Value::Text(text.into()),
        Kind::Severity => Value::Severity(Severity::parse(text).unwrap()),
        Kind::Address => Value::Address(text.parse().unwrap()),
        Kind::Texts => Value::Texts(text.split('|').filter(|text| !text.is_empty()).map(String::from).collect()),
        // As JSON where it is some, else as it stands.
        Kind::Any => match serde_json::from_str(text) {
            Ok(serde_json::Value::Bool(value)) => Value::Bool(value),
            Ok(serde_json::Value::Number(value)) => Value::Number(value.as_f64().unwrap()),
            Ok(serde_json::Value::String(value)) => Value::Text(value),
            _ => Value::Text(text.into()),
        },
    }
}

/// What comes of a text, and what is said about it.
fn outcome(text: &str, world: &World) -> (String, String) {
    let parsed = match syntax::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return (format!("syntax@{}:{}", error.line, error.column), error.to_string()),
    };
    let problems = check(&policy(parsed.condition.clone(), tag("held")), &names());
    if let Some(problem) = problems.first() {
        let (line, column) = syntax::place(text, parsed.span_of(problem).unwrap().start);
        return (format!("type@{line}:{column}"), problem.to_string());
    }
    let answers = forms(&parsed.condition).map(|form| truth(&form, world));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{text}: its forms differ: {answers:?}");
    (answers[0].to_owned(), String::new())
}

fn forms(condition: &Condition) -> [Condition; 3] {
    let printed = syntax::parse(&syntax::print(condition)).unwrap().condition;
    let json = serde_json::from_value(serde_json::to_value(condition).unwrap()).unwrap();
    [condition.clone(), printed, json]
}

/// What the condition comes to when it is run beside another that reads other fields.
fn truth(condition: &Condition, world: &World) -> &'static str {
    let other = super::condition("is_new_fingerprint or user_age_days > 3");
    let set = compile(&[(id(0), policy(other, tag("other"))), (id(1), policy(condition.clone(), tag("held")))]);
    let facts = naive::facts(world, set.operands());
    match set.trace("login", &facts).last().unwrap().when.truth {
        Truth::Holds => "holds",
        Truth::Fails => "not",
        Truth::Unknown => "unknown",
    }
}

#[test]
fn every_case_comes_to_what_was_worked_out_by_hand() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (name, cells) in &rows {
        let (got, said) = outcome(&cells[1], &world(&cells[2]));
        let says = cells.get(4).map_or("", String::as_str);
        if got != cells[3] || !said.contains(says) {
            wrong.push(format!("{name}: {:?}: expected {} {says:?}, got {got} {said:?}", cells[1], cells[3]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(rows.len() >= 120, "cases were lost: {} are left", rows.len());
}

#[test]
fn the_naive_evaluator_passes_the_same_exam() {
    for (name, cells) in rows() {
        let wanted = match cells[3].as_str() {
            "holds" => naive::TRUE,
            "not" => naive::FALSE,
            "unknown" => naive::UNKNOWN,
            _ => continue,
        };
        // It knows addresses as they are written and nothing of those that stand for one another.
        if cells[1].contains("::ffff:") || cells[2].contains("::ffff:") || cells[1].contains("_cidr \"192.0.2.1\"") {
            continue;
        }
        assert_eq!(naive::truth(&super::condition(&cells[1]), &world(&cells[2])), wanted, "{name}");
    }
}
