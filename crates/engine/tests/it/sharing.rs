//! Lives `tests/sharing.tsv`: accounts of people who share and of people who don't, four weeks each, evaluation by
//! evaluation; and holds what policies make of them to what `docs/access.md` says.

use std::{collections::BTreeMap, fmt::Write as _, fs, net::IpAddr, ops::Range, path::PathBuf};

use countersign_engine::{
    decide::{Decision, Moment, decide},
    environment::Environment,
    event::{Event, EventKind},
    history::{Device, History, Session},
    id::{BrowserId, ChallengeId, DeviceId, EvaluationId, UserId, WebhookId},
    policy::Policy,
    risk::{RiskSet, shipped},
    signal::{Agent, DeviceType, Network, Place, Signals},
    text::{ActionName, ExternalId},
    time::{DAY, HOUR, MINUTE, Timestamp},
};
use serde_json::json;

use crate::{check::nothing, retrace::project_of};

/// A Monday at midnight, UTC.
const START: i64 = 1_763_942_400_000;

/// What is tried, in the order of the table in the documentation. By the last, `user.account_sharing_signal` is told.
const POLICIES: [&str; 7] = [
    "people_estimate_low >= 2",
    "people_estimate_low >= 3",
    "device_count > 5 and people_estimate_low >= 2",
    "people_estimate_high >= 4",
    "device_count > 4",
    "concurrent_sessions",
    "risk.account_sharing.severity >= \"high\"",
];

/// What the guide recommends, of those: to verify the owner, and to cap devices.
const VERIFY: usize = 1;
const CAP: usize = 2;

/// One row.
struct Life {
    kind: String,
    shares: bool,
    people: u64,
    name: String,
    clauses: Vec<Clause>,
}

/// A device on a line, when.
struct Clause {
    device: String,
    line: String,
    hours: Vec<(i64, i64)>,
    days: String,
}

/// Numbers that look drawn and are always the same.
fn drawn(of: &str) -> i64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = of.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    i64::from(u32::try_from(hash >> 33).unwrap())
}

fn lives() -> Vec<Life> {
    let text = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sharing.tsv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let [kind, shares, people, name, history] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row:?} has not five cells")
        };
        Life {
            kind: kind.to_owned(),
            shares: shares == "yes",
            people: people.parse().unwrap(),
            name: format!("{kind}: {name}"),
            clauses: history.split("; ").map(clause).collect(),
        }
    })
    .collect()
}

fn clause(text: &str) -> Clause {
    let [place, hours, days] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text:?} is no clause") };
    let (device, line) = place.split_once('@').unwrap();
    let range = |range: &str| {
        let (from, to) = range.split_once('-').unwrap();
        (from.parse().unwrap(), to.parse().unwrap())
    };
    Clause {
        device: device.to_owned(),
        line: line.to_owned(),
        hours: hours.split(',').map(range).collect(),
        days: days.to_owned(),
    }
}

impl Clause {
    fn is_on(&self, day: i64, chance: &str) -> bool {
        let weekend = day % 7 >= 5;
        match self.days.as_str() {
            "daily" => true,
            "weekdays" => !weekend,
            "weekends" => weekend,
            days => match (days.strip_suffix("/7"), days.strip_prefix('d').and_then(|days| days.split_once('-'))) {
                (Some(a_week), _) => drawn(chance) % 7 < a_week.parse().unwrap(),
                (_, Some((from, to))) => (from.parse().unwrap()..=to.parse().unwrap()).contains(&day),
                _ => panic!("{days:?} are no days"),
            },
        }
    }

    /// Phones and tablets sleep once they are put away; on a computer the page stays until it is shut, and on every third
    /// day nobody shuts the one in the office before the next morning.
    fn open_until(&self, (day, hour): (i64, i64), begins: i64, chance: &str) -> i64 {
        let morning = ((day + 1) * DAY + 8 * HOUR) / MINUTE;
        match self.kind() {
            DeviceType::Computer if self.device.starts_with("pc") && drawn(chance) % 3 == 0 => morning,
            DeviceType::Computer => ((day * DAY + hour * HOUR) / MINUTE).max(begins + 43),
            DeviceType::Mobile | DeviceType::Tablet => begins + 43,
        }
    }

    fn kind(&self) -> DeviceType {
        if self.device.contains("phone") {
            DeviceType::Mobile
        } else if self.device.starts_with("tablet") {
            DeviceType::Tablet
        } else {
            DeviceType::Computer
        }
    }

    fn signals(&self, life: &str) -> Signals {
        let (wire, is_v6) = self.line.strip_suffix("/6").map_or((self.line.as_str(), false), |name| (name, true));
        let address = u32::try_from(drawn(&format!("{life} {wire}"))).unwrap();
        let ip: IpAddr = if is_v6 {
            std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) | (u128::from(address) << 64)).into()
        } else {
            std::net::Ipv4Addr::from(0x5000_0000 | (address >> 4)).into()
        };
        let network = Network { vpn: Some(wire.starts_with("vpn")), ..Network::default() };
        let place = Place { asn: Some(address % 9_000), network, ..Place::default() };
        Signals {
            action: ActionName::parse("access").unwrap(),
            user: Some(ExternalId::parse("ada").unwrap()),
            ip: Some(ip),
            place: Some(place),
            agent: Agent { device_type: Some(self.kind()), ..Agent::default() },
            browser: Some(BrowserId::new(1, ten(drawn(&self.device)))),
            browser_known: true,
            ..nothing()
        }
    }
}

/// What is there of whoever has a page open.
fn session(signals: &Signals) -> Session {
    Session {
        browser: signals.browser.unwrap(),
        network: signals.network().unwrap(),
        asn: signals.asn(),
        device_type: signals.agent.device_type,
        fingerprint: None,
    }
}

fn ten(number: i64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A page left open: in which minutes since the start, and by which clause.
struct Page {
    open: Range<i64>,
    place: usize,
}

impl Life {
    /// When it is used, in order: minutes since the start, and by which clause; and the pages that are open meanwhile.
    fn uses(&self) -> (Vec<(i64, usize)>, Vec<Page>) {
        let (mut uses, mut pages) = (Vec::new(), Vec::new());
        for (place, clause) in self.clauses.iter().enumerate() {
            for day in 0..28 {
                let chance = format!("{} {place} {day}", self.name);
                if !clause.is_on(day, &chance) {
                    continue;
                }
                for (from, to) in &clause.hours {
                    let room = ((to - from) * 60 - 42).max(1);
                    let begins = (day * DAY + from * HOUR) / MINUTE + drawn(&format!("{chance} {from}")) % room;
                    uses.extend((0..4).map(|n| (begins + n * 14, place)));
                    let until = clause.open_until((day, *to), begins, &format!("{chance} open"));
                    pages.push(Page { open: begins..until, place });
                }
            }
        }
        uses.sort_unstable();
        (uses, pages)
    }

    /// Lives it: by which policies it would have been challenged, and what the estimate was at the end.
    fn live(&self) -> (Vec<bool>, u64, u64) {
        let policy = |when: &str| {
            let policy = json!({"name": when, "environment": "production", "mode": "shadow", "when": when,
                "then": {"verdict": "deny"}, "actions": ["access"]});
            serde_json::from_value::<Policy>(policy).unwrap()
        };
        let mut project = project_of(POLICIES.iter().map(|when| policy(when)).collect());
        project.risks = RiskSet::compile(&shipped());
        let hook = json!({"name": "hook", "url": "https://shop.example/"});
        project.webhooks = vec![(WebhookId::new(1, [1; 10]), serde_json::from_value(hook).unwrap())];
        let mut told_at: Vec<Timestamp> = Vec::new();
        let (mut history, mut challenged) = (History::default(), vec![false; POLICIES.len()]);
        let mut last_used = BTreeMap::new();
        let (mut low, mut high) = (0, 0);
        let (uses, pages) = self.uses();
        for (minute, place) in uses {
            let now = Timestamp::from_millis(START + minute * MINUTE);
            // Unused for a week: detached.
            history.devices.retain(|device: &Device| {
                last_used.get(&device.browser.to_bytes()).is_some_and(|at| now.since(*at) < 7 * DAY)
            });
            let signals = self.clauses.get(place).unwrap().signals(&self.name);
            let open = pages.iter().filter(|page| page.open.contains(&minute));
            history.sessions =
                open.map(|page| session(&self.clauses.get(page.place).unwrap().signals(&self.name))).collect();
            let moment = Moment {
                now,
                evaluation_id: EvaluationId::new(now.millis(), ten(minute)),
                challenge_id: ChallengeId::new(now.millis(), ten(minute)),
                user_id: UserId::new(1, ten(1)),
                device_id: DeviceId::new(now.millis(), ten(minute)),
            };
            let decision = decide(&project, Environment::Production, &signals, history.clone(), &moment);
            for considered in &decision.evaluation.considered {
                let asked = POLICIES.iter().zip(&mut challenged).find(|(when, _)| **when == considered.policy.name);
                *asked.unwrap().1 = true;
            }
            let number = |check: &str| decision.evaluation.checks.get(check).and_then(serde_json::Value::as_u64);
            (low, high) = (number("people_estimate_low").unwrap(), number("people_estimate_high").unwrap());
            assert!((1..=high).contains(&low), "{}: {low} to {high}", self.name);
            let is_told = |event: &Event| event.kind == EventKind::UserAccountSharingSignal;
            told_at.extend(decision.events.iter().filter(|event| is_told(event)).map(|_| now));
            let Decision { after, device, .. } = decision;
            history.user = after.user;
            let device = device.unwrap();
            last_used.insert(device.browser.to_bytes(), now);
            history.devices.retain(|known| known.browser != device.browser);
            history.devices.push(device);
        }
        assert_eq!(challenged.last(), Some(&!told_at.is_empty()), "{}: what is so is told", self.name);
        assert!(
            told_at.iter().zip(told_at.iter().skip(1)).all(|(one, next)| next.since(*one) >= DAY),
            "{}: once a day",
            self.name
        );
        (challenged, low, high)
    }
}

#[derive(Default)]
struct Sum {
    lives: usize,
    not_more: usize,
    not_less: usize,
    challenged: [usize; POLICIES.len()],
}

#[test]
fn who_shares_is_told_from_who_does_not() {
    let mut kinds: Vec<(String, bool, Sum)> = Vec::new();
    for life in lives() {
        let (challenged, low, high) = life.live();
        if !kinds.iter().any(|(kind, ..)| *kind == life.kind) {
            kinds.push((life.kind.clone(), life.shares, Sum::default()));
        }
        let (.., sum) = kinds.iter_mut().find(|(kind, ..)| *kind == life.kind).unwrap();
        sum.lives += 1;
        sum.not_more += usize::from(low <= life.people);
        sum.not_less += usize::from(high >= life.people);
        for (count, challenged) in sum.challenged.iter_mut().zip(&challenged) {
            *count += usize::from(*challenged);
        }
        // The promises of the guide: its first policy troubles nobody who shares nothing, its second neither anybody who is
        // alone or two, nor who shares a line.
        let told = || format!("{} is challenged: {low} to {high}", life.name);
        assert!(life.shares || !challenged[VERIFY], "{}", told());
        assert!(life.shares || life.kind == "family" || !challenged[CAP], "{}", told());
        assert!(low <= life.people, "{}: {low} to {high}", life.name);
    }
    assert!(kinds.iter().all(|(.., sum)| sum.lives >= 24), "dozens of each");
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/access.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- sharing: made by a test -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- sharing: end -->").unwrap();
    let made = told(&kinds);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}<!-- sharing: made by a test -->\n{made}<!-- sharing: end -->{after}");
        fs::write(page, text).unwrap();
    } else {
        assert_eq!(table, made, "UPDATE_DOCS=1 writes it");
    }
}

/// The tables of the documentation.
fn told(kinds: &[(String, bool, Sum)]) -> String {
    let mut out = String::from("| | histories | low ≤ people | high ≥ people |");
    let heads: String = POLICIES.iter().fold(String::new(), |heads, when| format!("{heads} `{when}` |"));
    writeln!(out, "{heads}\n|{}", " --- |".repeat(4 + POLICIES.len())).unwrap();
    for (kind, shares, sum) in kinds {
        let shares = if *shares { ", shared" } else { "" };
        write!(out, "| {kind}{shares} | {} | {} | {} |", sum.lives, sum.not_more, sum.not_less).unwrap();
        writeln!(out, "{}", sum.challenged.iter().fold(String::new(), |row, n| format!("{row} {n} |"))).unwrap();
    }
    let percent = |part: usize, of: usize| (part * 100).checked_div(of).map_or("–".to_owned(), |n| format!("{n} %"));
    let total = |which: usize, shared: bool| -> usize {
        kinds
            .iter()
            .filter(|(_, shares, _)| *shares == shared)
            .map(|(.., sum)| sum.challenged.get(which).unwrap())
            .sum()
    };
    let sharers: usize = kinds.iter().filter(|(_, shares, _)| *shares).map(|(.., sum)| sum.lives).sum();
    for (name, of) in [("precision", None), ("recall", Some(sharers))] {
        write!(out, "| **{name}** | | | |").unwrap();
        for which in 0..POLICIES.len() {
            let right = total(which, true);
            write!(out, " {} |", percent(right, of.unwrap_or(right + total(which, false)))).unwrap();
        }
        out.push('\n');
    }
    out
}
