//! Conditions, worlds and policies of every shape.

use countersign_engine::{
    fact::Severity,
    policy::{Comparison, Condition, Literal, Mode, Op, Policy, Then},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::naive::{Value, World};

/// Few enough values that comparisons often meet what they ask for.
const WORDS: [&str; 6] = ["a", "ab", "b", "free", "a.example", ""];
const NUMBERS: [f64; 5] = [0.0, 1.0, 2.0, 3.0, 1e15];
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "maximum"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.1.0.1", "192.0.2.7", "2001:db8::1"];
const NETWORKS: [&str; 5] = ["10.0.0.0/8", "10.0.0.0/16", "192.0.2.7/32", "2001:db8::/32", "0.0.0.0/0"];
const PATTERNS: [&str; 4] = ["^a", "b$", "a.*e", "(?i)FREE"];

fn some_text() -> impl Strategy<Value = Literal> {
    select(&WORDS[..5]).prop_map(|word| Literal::Text(word.into()))
}

fn texts_of(words: &'static [&'static str]) -> impl Strategy<Value = Literal> {
    select(words).prop_map(|word| Literal::Text(word.into()))
}

fn some_number() -> impl Strategy<Value = Literal> {
    select(&NUMBERS[..]).prop_map(Literal::Number)
}

fn list(of: impl Strategy<Value = Literal>) -> impl Strategy<Value = Literal> {
    vec(of, 1..4).prop_map(Literal::List)
}

fn comparisons(
    fields: &'static [&'static str],
    ops: &'static [Op],
    value: impl Strategy<Value = Literal>,
) -> impl Strategy<Value = Condition> {
    (select(fields), select(ops), value).prop_map(|(field, op, value)| compare(field, op, value))
}

fn compare(field: &str, op: Op, value: Literal) -> Condition {
    Condition::Compare(Comparison { field: field.into(), op, value })
}

pub const BOOLS: &[&str] = &["is_new_user", "is_new_ip", "is_suspended"];
/// The same count under two of its names, among others.
pub const COUNTS: &[&str] =
    &["device_count", "risk.ato.score", "event_count.user.login.1h", "event_count.user.login.60m"];
pub const TEXTS: &[&str] = &["action", "user_external_id", "email_domain", "group", "metadata.plan"];
const ORDER: &[Op] = &[Op::Gt, Op::Gte, Op::Ne];
const EQUAL: &[Op] = &[Op::Eq, Op::Ne];
const AMONG: &[Op] = &[Op::In, Op::NotIn];
const PART: &[Op] = &[Op::Contains, Op::StartsWith, Op::EndsWith, Op::Eq, Op::Ne];

/// A comparison that the type check lets pass.
fn comparison() -> impl Strategy<Value = Condition> {
    let every = &["is_new_user", "device_count", "group", "ip", "metadata.plan", "risk.ato.severity"];
    prop_oneof![
        3 => comparisons(BOOLS, EQUAL, any::<bool>().prop_map(Literal::Bool)),
        2 => comparisons(COUNTS, &[Op::Eq, Op::Lte, Op::Gt], some_number()),
        1 => comparisons(COUNTS, ORDER, some_number()),
        1 => comparisons(&["device_count"], &[Op::Lt], select(&NUMBERS[1..]).prop_map(Literal::Number)),
        1 => comparisons(&["device_count", "metadata.plan"], AMONG, list(some_number())),
        2 => comparisons(TEXTS, PART, some_text()),
        1 => comparisons(TEXTS, AMONG, list(some_text())),
        1 => comparisons(TEXTS, &[Op::Matches], texts_of(&PATTERNS)),
        1 => comparisons(&["metadata.plan"], &[Op::Gt, Op::Gte, Op::Lt, Op::Lte, Op::Eq, Op::Ne], some_number()),
        1 => comparisons(&["metadata.plan"], EQUAL, any::<bool>().prop_map(Literal::Bool)),
        1 => comparisons(&["ip"], EQUAL, texts_of(&ADDRESSES)),
        1 => comparisons(&["ip"], AMONG, list(texts_of(&ADDRESSES))),
        1 => comparisons(&["ip"], &[Op::InCidr], prop_oneof![texts_of(&NETWORKS), list(texts_of(&NETWORKS))]),
        1 => comparisons(&["risk.ato.severity"], &[Op::Gte, Op::Lte, Op::Eq, Op::Ne], texts_of(&SEVERITIES)),
        1 => comparisons(&["risk.ato.severity"], AMONG, list(texts_of(&SEVERITIES))),
        1 => comparisons(every, &[Op::Exists], any::<bool>().prop_map(Literal::Bool)),
        1 => comparisons(&["user_external_id"], &[Op::InList, Op::NotInList], texts_of(&["vip"])),
        1 => comparisons(&["ip"], &[Op::InList, Op::NotInList], texts_of(&["office"])),
    ]
}

/// Groups of none and of two or more: a group of one is that one.
pub fn grouped(leaf: impl Strategy<Value = Condition> + 'static) -> impl Strategy<Value = Condition> {
    leaf.prop_recursive(5, 40, 4, |inner| {
        let group = || vec(inner.clone(), 0..4).prop_filter("a group of one", |parts| parts.len() != 1);
        prop_oneof![
            3 => group().prop_map(Condition::All),
            3 => group().prop_map(Condition::Any),
            2 => inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

/// A condition that the type check lets pass.
pub fn typed() -> impl Strategy<Value = Condition> {
    grouped(comparison())
}

/// A condition that can be written, whatever it says.
pub fn written() -> impl Strategy<Value = Condition> {
    let field = prop_oneof![select(TEXTS).prop_map(String::from), "[a-z_.-]{1,8}", "[^\\x00]{1,6}"];
    let scalar = || {
        prop_oneof![
            any::<bool>().prop_map(Literal::Bool),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Literal::Number),
            any::<i32>().prop_map(|n| Literal::Number(f64::from(n) / 8.0)),
            any::<String>().prop_map(Literal::Text),
        ]
    };
    let value = prop_oneof![3 => scalar(), 1 => vec(scalar(), 0..4).prop_map(Literal::List)];
    let op = select(Op::ALL.map(|(op, ..)| op).to_vec());
    grouped((field, op, value).prop_map(|(field, op, value)| match op {
        // It takes nothing else.
        Op::Exists => compare(&field, op, Literal::Bool(value == Literal::Bool(true))),
        op => compare(&field, op, value),
    }))
}

fn known(name: &'static str, value: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<(String, Value)>> {
    option::of(value.prop_map(move |value| (name.to_owned(), value)))
}

fn word() -> impl Strategy<Value = Value> {
    select(&WORDS[..]).prop_map(|word| Value::Text(word.into()))
}

fn number() -> impl Strategy<Value = Value> {
    select(&NUMBERS[..]).prop_map(Value::Number)
}

fn truth() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::Bool)
}

/// What may be known and what not.
pub fn world() -> impl Strategy<Value = World> {
    let severity = select(&SEVERITIES[..]).prop_map(|word| Value::Severity(Severity::parse(word).unwrap()));
    let address = select(&ADDRESSES[..]).prop_map(|text| Value::Address(text.parse().unwrap()));
    let groups = vec(select(&WORDS[..]).prop_map(String::from), 0..3).prop_map(Value::Texts);
    let first = (
        known("is_new_user", truth()),
        known("is_new_ip", truth()),
        known("is_suspended", truth()),
        known("device_count", number()),
        known("risk.ato.score", number()),
        known("event_count.user.login.1h", number()),
        known("risk.ato.severity", severity),
    );
    let second = (
        known("action", word()),
        known("user_external_id", word()),
        known("email_domain", word()),
        known("group", groups),
        known("metadata.plan", prop_oneof![word(), number(), truth()]),
        known("ip", address),
        known("user_external_id in_list vip", truth()),
        known("ip in_list office", truth()),
    );
    (first, second).prop_map(|((a, b, c, d, e, f, g), (h, i, j, k, l, m, n, o))| {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o].into_iter().flatten().collect()
    })
}

/// A world in which everything is known.
pub fn whole_world() -> impl Strategy<Value = World> {
    world().prop_map(|mut world| {
        for name in BOOLS.iter().copied().chain(["user_external_id in_list vip", "ip in_list office"]) {
            world.entry(name.into()).or_insert(Value::Bool(false));
        }
        for name in ["device_count", "risk.ato.score", "event_count.user.login.1h"] {
            world.entry(name.into()).or_insert(Value::Number(1.0));
        }
        for name in ["action", "user_external_id", "email_domain", "metadata.plan"] {
            world.entry(name.into()).or_insert(Value::Text("a".into()));
        }
        world.entry("group".into()).or_insert(Value::Texts(Vec::new()));
        world.entry("ip".into()).or_insert(Value::Address("10.0.0.1".parse().unwrap()));
        world.entry("risk.ato.severity".into()).or_insert(Value::Severity(Severity::Low));
        world
    })
}

/// Policies that differ in everything that their order and their effect turn on.
pub fn policies() -> impl Strategy<Value = Vec<Policy>> {
    use countersign_engine::{environment::Environment, evaluation::Verdict, text::ActionName};
    let then = prop_oneof![
        Just(Then::Verdict(Verdict::Deny)),
        Just(Then::Verdict(Verdict::Allow)),
        Just(Then::Tag { tag: "seen".into() }),
        Just(Then::Challenge { verdict: Verdict::Challenge, config: "login".into(), kind: "account_takeover".into() }),
    ];
    let actions = vec(select(vec!["login", "signup", "access"]), 0..3);
    let one = (typed(), then, actions, -2_i64..3, any::<bool>(), prop::bool::weighted(0.9), prop::bool::weighted(0.9));
    let one = one.prop_map(|(when, then, actions, priority, shadow, enabled, production)| Policy {
        actions: actions.into_iter().map(|action| ActionName::parse(action).unwrap()).collect(),
        priority,
        enabled,
        mode: if shadow { Mode::Shadow } else { Mode::Enforce },
        environment: if production { Environment::Production } else { Environment::Development },
        ..super::policy(when, then)
    });
    vec(one, 0..8)
}
