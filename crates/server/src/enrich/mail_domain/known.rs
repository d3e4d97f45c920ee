//! What name servers said of mail domains, for as long as it holds, and which domains are being asked for now.
//!
//! Its size is bounded: anybody may send evaluations with domains made up on the spot. Knows no name server and no
//! task; whoever is told to ask does so, and says here what came of it.

use std::collections::HashMap;

use countersign_engine::{
    signal::MailDomain,
    time::{SECOND, Timestamp},
};
use tokio::sync::watch;

/// The answer, once it is there.
pub(super) type Told = watch::Receiver<Option<MailDomain>>;

/// What may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Domains remembered.
    pub domains: usize,
    /// Look-ups under way.
    pub under_way: usize,
    /// Look-ups begun within a second.
    pub per_second: u32,
}

/// What to do about a domain.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing: this is known.
    Known(MailDomain),
    /// Wait: it is being asked for.
    Wait(Told),
    /// Ask, and tell the others.
    Ask(watch::Sender<Option<MailDomain>>, Told),
    /// Nothing: too many are being asked for.
    Full,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    bounds: Bounds,
    domains: HashMap<String, Entry>,
    second: i64,
    begun: u32,
}

#[derive(Debug)]
enum Entry {
    Asked(Told),
    Answered { answer: MailDomain, until: Timestamp },
}

impl Entry {
    /// Whether somebody is still at it: one that broke off tells nobody.
    fn is_under_way(&self) -> bool {
        matches!(self, Self::Asked(told) if told.has_changed().is_ok())
    }

    /// What is given up first has the lowest: what broke off, then what would have been given up soonest.
    const fn worth(&self) -> i64 {
        match self {
            Self::Asked(_) => i64::MIN,
            Self::Answered { until, .. } => until.millis(),
        }
    }
}

impl Known {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, domains: HashMap::new(), second: 0, begun: 0 }
    }

    /// What to do about `domain`. Equal ones are asked for once, however many wait.
    pub(super) fn next(&mut self, domain: &str, now: Timestamp) -> Next {
        match self.domains.get(domain) {
            Some(Entry::Answered { answer, until }) if now < *until => return Next::Known(*answer),
            Some(entry @ Entry::Asked(told)) if entry.is_under_way() => return Next::Wait(told.clone()),
            _ => {}
        }
        if !self.may_begin(now) {
            return Next::Full;
        }
        let (tell, told) = watch::channel(None);
        self.put(domain, Entry::Asked(told.clone()));
        Next::Ask(tell, told)
    }

    /// What came of asking for `domain`.
    pub(super) fn learn(&mut self, domain: &str, answer: MailDomain, until: Timestamp) {
        self.put(domain, Entry::Answered { answer, until });
    }

    fn may_begin(&mut self, now: Timestamp) -> bool {
        let second = now.millis().div_euclid(SECOND);
        if second != self.second {
            (self.second, self.begun) = (second, 0);
        }
        // Counting them takes a look at each, so it is done last: who is over the one limit never gets there.
        let has_room = || self.domains.values().filter(|entry| entry.is_under_way()).count() < self.bounds.under_way;
        let may = self.begun < self.bounds.per_second && has_room();
        self.begun += u32::from(may);
        may
    }

    fn put(&mut self, domain: &str, entry: Entry) {
        if !self.domains.contains_key(domain) && self.domains.len() >= self.bounds.domains {
            let ended = self.domains.iter().filter(|(_, entry)| !entry.is_under_way());
            let least = ended.min_by_key(|(_, entry)| entry.worth()).map(|(domain, _)| domain.clone());
            if let Some(domain) = least {
                self.domains.remove(&domain);
            }
        }
        self.domains.insert(domain.to_owned(), entry);
    }
}

#[cfg(test)]
mod tests {
    use MailDomain::{TakesMail, TakesNone};

    use super::*;

    const BOUNDS: Bounds = Bounds { domains: 4, under_way: 2, per_second: 10_000 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn ask(known: &mut Known, domain: &str) -> watch::Sender<Option<MailDomain>> {
        match known.next(domain, at(0)) {
            Next::Ask(tell, _) => tell,
            other => panic!("{domain}: {other:?}"),
        }
    }

    #[test]
    fn domains_made_up_on_the_spot_take_no_more_room_than_there_is() {
        let mut known = Known::new(BOUNDS);
        known.learn("mail.example", TakesMail, at(86_400_000));
        for n in 0..1_000 {
            let domain = format!("{n}.example");
            let _tell = ask(&mut known, &domain);
            known.learn(&domain, TakesNone, at(60_000 + n));
            assert!(known.domains.len() <= BOUNDS.domains);
        }
        // What holds longest outlives them.
        assert!(matches!(known.next("mail.example", at(1)), Next::Known(TakesMail)));
    }

    #[test]
    fn only_so_many_are_asked_for_at_once() {
        let mut known = Known::new(BOUNDS);
        let (first, _second) = (ask(&mut known, "a.example"), ask(&mut known, "b.example"));
        assert!(matches!(known.next("c.example", at(0)), Next::Full));
        assert!(matches!(known.next("a.example", at(0)), Next::Wait(_)));
        known.learn("a.example", TakesMail, at(1_000));
        drop(first);
        assert!(matches!(known.next("c.example", at(0)), Next::Ask(..)));
        assert!(matches!(known.next("a.example", at(999)), Next::Known(TakesMail)));
    }

    #[test]
    fn who_broke_off_is_waited_for_by_nobody() {
        let mut known = Known::new(BOUNDS);
        for _ in 0..10 {
            // Dropped without a word.
            drop(ask(&mut known, "a.example"));
        }
        let _held = ask(&mut known, "a.example");
        let _held = ask(&mut known, "b.example");
    }
}
