//! What is refused when a policy is saved: everything that could not hold, or could not be meant.

use core::{fmt::Write, net::IpAddr};

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use ipnet::IpNet;

use super::{
    document::{Policy, Then},
    tree::{Comparison, Condition, Literal, Op},
};
use crate::{
    evaluation::Verdict,
    fact::{Kind, Severity},
    field::{Field, distance},
    list::ListKind,
    text::ActionName,
};

/// What policies may refer to by name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Lists, with their kinds.
    pub lists: BTreeMap<String, ListKind>,
    /// Challenge configs.
    pub challenge_configs: Vec<String>,
    /// Risks, by id.
    pub risks: Vec<String>,
}

/// Something wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the policy.
    pub path: String,
    /// For a problem of a comparison: which one, in the order of [`Condition::comparisons`].
    pub comparison: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}: {}", self.path, self.what, self.help)
    }
}

/// Everything that is wrong with a policy.
pub fn check(policy: &Policy, names: &Names) -> Vec<Problem> {
    let mut checker = Checker { policy, names, problems: Vec::new(), comparisons: 0 };
    if policy.name.is_empty() || policy.name.len() > 200 {
        checker.say("/name", "the name is empty or too long", "write 1 to 200 bytes");
    }
    checker.condition(&policy.when, &mut String::from("/when"));
    checker.then();
    checker.budget();
    checker.problems
}

struct Checker<'a> {
    policy: &'a Policy,
    names: &'a Names,
    problems: Vec<Problem>,
    comparisons: usize,
}

impl Checker<'_> {
    fn say(&mut self, path: &str, what: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem { path: path.to_string(), comparison: None, what: what.into(), help: help.into() });
    }

    fn condition(&mut self, condition: &Condition, path: &mut String) {
        let at = path.len();
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let group = if matches!(condition, Condition::All(_)) { "all" } else { "any" };
                for (i, part) in parts.iter().enumerate() {
                    // Writing to a String can't fail.
                    let _ = write!(path, "/{group}/{i}");
                    self.condition(part, path);
                    path.truncate(at);
                }
            }
            Condition::Not(inner) => {
                path.push_str("/not");
                self.condition(inner, path);
                path.truncate(at);
            }
            Condition::Compare(comparison) => {
                if let Err((part, what, help)) = self.compare(comparison) {
                    let comparison = Some(self.comparisons);
                    self.problems.push(Problem { path: format!("{path}/{part}"), comparison, what, help });
                }
                self.comparisons += 1;
            }
        }
    }

    fn compare(&self, comparison: &Comparison) -> Result<(), Fault> {
        let field = Field::parse(&comparison.field)
            .map_err(|unknown| fault("field", format!("there is no field `{}`", unknown.name), unknown.help))?;
        self.risk(&field)?;
        let kind = field.kind();
        match comparison.op {
            // The one number that lists hold.
            Op::InList | Op::NotInList if comparison.field == "ip_asn" => return self.list(&field, comparison),
            _ => operator(comparison, kind)?,
        }
        match comparison.op {
            Op::InList | Op::NotInList => self.list(&field, comparison),
            _ => value(comparison, kind).and_then(|()| self.possible(&field, comparison)),
        }
    }

    fn risk(&self, field: &Field) -> Result<(), Fault> {
        match field {
            Field::RiskSeverity(id) | Field::RiskScore(id) if !self.names.risks.contains(id) => {
                let help = known(id, self.names.risks.iter().map(String::as_str));
                Err(fault("field", format!("there is no risk `{id}`"), help))
            }
            _ => Ok(()),
        }
    }

    fn list(&self, field: &Field, comparison: &Comparison) -> Result<(), Fault> {
        let Literal::Text(name) = &comparison.value else {
            return Err(fault("value", "a list is named by text", "write the list's name in quotes"));
        };
        let Some(kind) = self.names.lists.get(name) else {
            return Err(fault("value", format!("there is no list `{name}`"), known(name, self.list_names())));
        };
        let fits = match field {
            Field::UserExternalId => *kind == ListKind::User,
            Field::Ip => *kind == ListKind::Ip,
            Field::UserEmail => matches!(kind, ListKind::Email | ListKind::EmailDomain),
            Field::EmailDomain => *kind == ListKind::EmailDomain,
            Field::UserPhone => *kind == ListKind::Phone,
            Field::FingerprintId => *kind == ListKind::Fingerprint,
            Field::DeviceId => *kind == ListKind::Device,
            Field::Metadata(_) => true,
            Field::Check(_) => match comparison.field.as_str() {
                "ip_country" | "phone_country" => *kind == ListKind::Country,
                "ip_asn" => *kind == ListKind::Asn,
                _ => false,
            },
            _ => false,
        };
        let help = "user lists hold `user_external_id`, ip lists `ip`, email lists `user_email`, email_domain lists `email_domain` and `user_email`, phone lists `user_phone`, fingerprint lists `fingerprint_id`, device lists `device_id`, country lists `ip_country` and `phone_country`, asn lists `ip_asn`";
        if fits {
            Ok(())
        } else {
            Err(fault("value", format!("the list `{name}` can't hold values of `{field}`"), help))
        }
    }

    /// Comparisons that are well typed and still can't hold.
    fn possible(&self, field: &Field, comparison: &Comparison) -> Result<(), Fault> {
        match (field, comparison.op, &comparison.value) {
            (Field::Action, Op::Eq, Literal::Text(action)) => self.action(action),
            (Field::Action, Op::In, Literal::List(actions)) => actions.iter().try_for_each(|action| match action {
                Literal::Text(action) => self.action(action),
                _ => Ok(()),
            }),
            (field, op, Literal::Number(n)) if field.kind() == Kind::Number => number(field, op, *n),
            (field, Op::In, Literal::List(values)) if field.kind() == Kind::Number => {
                values.iter().try_for_each(|value| match value {
                    Literal::Number(n) => number(field, Op::Eq, *n),
                    _ => Ok(()),
                })
            }
            (Field::RiskSeverity(_), op, Literal::Text(word)) => severity(op, word),
            _ => Ok(()),
        }
    }

    fn action(&self, action: &str) -> Result<(), Fault> {
        let actions = &self.policy.actions;
        if actions.is_empty() || actions.iter().any(|known| known.as_str() == action) {
            return Ok(());
        }
        let what = format!("the policy is never asked about `{action}`");
        Err(fault("value", what, known(action, actions.iter().map(ActionName::as_str))))
    }

    fn list_names(&self) -> impl Iterator<Item = &str> {
        self.names.lists.keys().map(String::as_str)
    }

    /// Whether an effect can fill a list.
    fn target(&mut self, list: &str) {
        if !self.names.lists.contains_key(list) {
            let help = known(list, self.list_names());
            self.say("/then/list", format!("there is no list `{list}`"), help);
        }
    }

    fn then(&mut self) {
        match &self.policy.then {
            Then::Challenge { config, .. } if !self.names.challenge_configs.contains(config) => {
                let help = known(config, self.names.challenge_configs.iter().map(String::as_str));
                self.say("/then/challenge_config", format!("there is no challenge config `{config}`"), help);
            }
            Then::AddToList { list } | Then::RemoveFromList { list } => self.target(list),
            Then::Tag { tag } if tag.is_empty() || tag.len() > 100 => {
                self.say("/then/tag", "the tag is empty or too long", "write 1 to 100 bytes");
            }
            _ => {}
        }
    }

    fn budget(&mut self) {
        let Some(budget) = &self.policy.budget else { return };
        if let Some((key, what, help)) = budget.problem() {
            self.say(&format!("/budget{key}"), what, help);
        }
        let bounds = matches!(&self.policy.then, Then::Verdict(verdict) if *verdict != Verdict::Allow)
            || matches!(&self.policy.then, Then::Challenge { .. });
        if !bounds {
            let help = "only verdicts other than `allow` have one: leave `budget` out";
            self.say("/budget", "a budget for what needs none", help);
        }
    }
}

/// One fault: which part of the comparison, what is wrong, what to write instead.
type Fault = (&'static str, String, String);

fn fault(part: &'static str, what: impl Into<String>, help: impl Into<String>) -> Fault {
    (part, what.into(), help.into())
}

/// What to write instead of a name that is not there: the closest, or the first few.
fn known<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let closest = names.iter().map(|name| (distance(wanted, name), *name)).min();
    match closest {
        None => "there is none yet".to_string(),
        Some((edits, name)) if edits <= 3 && edits < wanted.chars().count() => format!("did you mean `{name}`?"),
        Some(_) => {
            let some: Vec<&str> = names.iter().take(SHOWN).copied().collect();
            let more = if names.len() > SHOWN { ", …" } else { "" };
            format!("there are: {}{more}", some.join(", "))
        }
    }
}

/// How many names a message lists.
const SHOWN: usize = 10;

/// Every number that a policy can name is 0 or more, and all but scores count something.
fn number(field: &Field, op: Op, n: f64) -> Result<(), Fault> {
    let below = match op {
        Op::Lt => n <= 0.0,
        Op::Lte | Op::Eq => n < 0.0,
        _ => false,
    };
    // A remainder is exactly zero or it is not.
    let broken = op == Op::Eq && n % 1.0 != 0.0 && !matches!(field, Field::RiskScore(_));
    match (below, broken) {
        (true, _) => Err(fault("value", format!("`{field}` is never below 0"), "write a larger number")),
        (_, true) => Err(fault("value", format!("`{field}` is always a whole number"), "write a whole number")),
        _ => Ok(()),
    }
}

fn severity(op: Op, word: &str) -> Result<(), Fault> {
    let what = match (op, Severity::parse(word)) {
        (Op::Gt, Some(Severity::Maximum)) => "nothing is above \"maximum\"",
        (Op::Lt, Some(Severity::Low)) => "nothing is below \"low\"",
        _ => return Ok(()),
    };
    Err(fault("value", what, format!("write `{}`", if op == Op::Gt { ">=" } else { "<=" })))
}

/// Whether values of that kind can be asked that question.
fn operator(comparison: &Comparison, kind: Kind) -> Result<(), Fault> {
    use Op::{
        Contains, EndsWith, Eq, Exists, Gt, Gte, In, InCidr, InList, Lt, Lte, Matches, Ne, NotIn, NotInList, StartsWith,
    };
    let ok: &[Op] = match kind {
        Kind::Bool => &[Eq, Ne, Exists],
        Kind::Number | Kind::Severity => &[Eq, Ne, Gt, Gte, Lt, Lte, In, NotIn, Exists],
        Kind::Text | Kind::Texts => {
            &[Eq, Ne, In, NotIn, Contains, StartsWith, EndsWith, Matches, InList, NotInList, Exists]
        }
        Kind::Address => &[Eq, Ne, In, NotIn, InCidr, InList, NotInList, Exists],
        Kind::Any => {
            &[Eq, Ne, Gt, Gte, Lt, Lte, In, NotIn, Contains, StartsWith, EndsWith, Matches, InList, NotInList, Exists]
        }
    };
    if ok.contains(&comparison.op) {
        return Ok(());
    }
    let signs: Vec<&str> = ok.iter().map(|op| op.sign()).collect();
    let what = format!("`{}` can't be asked of `{}`", comparison.op.sign(), comparison.field);
    Err(fault("op", what, format!("use one of: {}", signs.join(" "))))
}

/// Whether the value is of a kind that the field's values can be compared with.
fn value(comparison: &Comparison, kind: Kind) -> Result<(), Fault> {
    let wrong = |help: &str| Err(fault("value", format!("`{}` can't be compared with this", comparison.field), help));
    match (comparison.op, &comparison.value) {
        (Op::Exists, Literal::Bool(_)) => Ok(()),
        (Op::Exists, _) => wrong("`exists` takes true or false"),
        (Op::In | Op::NotIn, Literal::List(values)) if values.is_empty() => {
            wrong("the list is empty: name at least one value")
        }
        (Op::In | Op::NotIn, Literal::List(values)) => {
            values.iter().try_for_each(|value| scalar(value, kind, comparison))
        }
        (Op::In | Op::NotIn, _) => wrong("write a list, such as [\"a\", \"b\"]"),
        (Op::InCidr, Literal::List(values)) if !values.is_empty() => values.iter().try_for_each(cidr),
        (Op::InCidr, value) => cidr(value),
        (Op::Matches, Literal::Text(pattern)) => super::test::regex(pattern).map(drop).map_err(|error| {
            fault("value", format!("the pattern can't be used: {error}"), "see the syntax of patterns in the guide")
        }),
        (Op::Contains | Op::StartsWith | Op::EndsWith, Literal::Text(part)) if part.is_empty() => {
            wrong("an empty text is part of every text: write something")
        }
        (Op::Contains | Op::StartsWith | Op::EndsWith, Literal::Text(_)) => Ok(()),
        (Op::Matches | Op::Contains | Op::StartsWith | Op::EndsWith, _) => wrong("write a text in quotes"),
        (Op::Gt | Op::Gte | Op::Lt | Op::Lte, Literal::Number(_)) if kind == Kind::Any => Ok(()),
        (Op::Gt | Op::Gte | Op::Lt | Op::Lte, _) if kind == Kind::Any => wrong("write a number"),
        (_, value) => scalar(value, kind, comparison),
    }
}

fn scalar(value: &Literal, kind: Kind, comparison: &Comparison) -> Result<(), Fault> {
    let help = match (kind, value) {
        (Kind::Bool | Kind::Any, Literal::Bool(_))
        | (Kind::Number | Kind::Any, Literal::Number(_))
        | (Kind::Text | Kind::Texts | Kind::Any, Literal::Text(_)) => return Ok(()),
        (Kind::Severity, Literal::Text(word)) if Severity::parse(word).is_some() => return Ok(()),
        (Kind::Address, Literal::Text(text)) if text.parse::<IpAddr>().is_ok() => return Ok(()),
        (Kind::Bool, _) => "write true or false",
        (Kind::Number, _) => "write a number",
        (Kind::Text | Kind::Texts, _) => "write a text in quotes",
        (Kind::Severity, _) => "write \"low\", \"medium\", \"high\" or \"maximum\"",
        (Kind::Address, _) => "write an address in quotes; for networks there is `in_cidr`",
        (Kind::Any, _) => "write true, false, a number or a text",
    };
    Err(fault("value", format!("`{}` can't be compared with this", comparison.field), help))
}

fn cidr(value: &Literal) -> Result<(), Fault> {
    let fine = matches!(value, Literal::Text(text) if network(text).is_some());
    if fine {
        Ok(())
    } else {
        Err(fault("value", "this is no network", "write one such as \"10.0.0.0/8\" or \"2001:db8::/32\""))
    }
}

/// The network written as `text`; an address alone is the network of that address. A network of IPv4 addresses written
/// as IPv6 ones is what it stands for, as addresses are.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let net: IpNet = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(length)) if matches!(net, IpNet::V6(_)) => IpNet::new(address, length).ok(),
        _ => Some(net),
    }
}
