//! The event streams that are open on this node: which browser holds one, from where, and how to tell it something.
//!
//! Nothing here is the truth: that is in the store, and `presence_job` carries it from there to here. A stream that is
//! lost costs nothing but a reconnection.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_engine::id::{BrowserId, ProjectId};
use countersign_store::op::Present;
use tokio::sync::{Notify, watch};

use crate::config::EventsConfig;

/// Streams that one browser may hold: one that all its tabs share, and a few more for tabs that can't share one and for
/// those that a proxy has not let go of yet. The newest is the one that is known to be alive, so the oldest makes room.
const PER_BROWSER: usize = 4;

/// Whose stream.
type Key = (ProjectId, BrowserId);

/// The streams of this node.
#[derive(Debug)]
pub struct Streams {
    limits: EventsConfig,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<Key, Vec<Open>>,
    by_network: HashMap<Arc<str>, u32>,
    total: u32,
    opened: u64,
    closed: bool,
    fresh: BTreeSet<Key>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    network: Arc<str>,
    asn: Option<u32>,
    tell: watch::Sender<News>,
}

/// What a stream is to say.
#[derive(Clone, Copy, Debug)]
struct News {
    /// The newest logout that the browser knows of, or is told of now.
    told: i64,
    /// A newer stream of the same browser has taken its place.
    displaced: bool,
}

/// What a stream hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The browser was logged out, then.
    LoggedOut(i64),
    /// A newer stream of the same browser has taken its place: it is over.
    Displaced,
}

/// Why no stream is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This network address has as many as it may.
    Address,
    /// This node has, or it is on its way out.
    Node,
}

/// From where a stream is held.
#[derive(Clone, Debug)]
pub struct Line {
    /// The network address: see [`countersign_engine::signal::network_of`].
    pub network: String,
    /// Its autonomous system.
    pub asn: Option<u32>,
}

/// An open stream. Dropped, it is closed.
#[derive(Debug)]
pub struct Held {
    streams: Arc<Streams>,
    key: Key,
    number: u64,
    news: watch::Receiver<News>,
}

impl Streams {
    /// None yet.
    pub fn new(limits: EventsConfig) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), news: Notify::new() })
    }

    /// Opens a stream for a browser that was told of all logouts up to `told`.
    pub fn open(self: &Arc<Self>, key: Key, line: Line, told: i64) -> Result<Held, Full> {
        let mut state = self.lock();
        let network: Arc<str> = line.network.into();
        let leaves = state.open.get(&key).filter(|streams| streams.len() >= PER_BROWSER).and_then(|its| its.first());
        let (leaves, room_here) =
            leaves.map_or((None, 0), |open| (Some(open.number), u32::from(open.network == network)));
        if state.closed || state.total - u32::from(leaves.is_some()) >= self.limits.streams {
            return Err(Full::Node);
        }
        if state.by_network.get(&network).copied().unwrap_or_default() - room_here >= self.limits.streams_per_address {
            return Err(Full::Address);
        }
        if let Some(oldest) = leaves.and_then(|number| state.remove(&key, number)) {
            oldest.tell.send_modify(|news| news.displaced = true);
        }
        *state.by_network.entry(Arc::clone(&network)).or_default() += 1;
        state.total += 1;
        state.opened += 1;
        let (number, (tell, news)) = (state.opened, watch::channel(News { told, displaced: false }));
        state.open.entry(key).or_default().push(Open { number, network, asn: line.asn, tell });
        state.fresh.insert(key);
        drop(state);
        self.news.notify_one();
        Ok(Held { streams: Arc::clone(self), key, number, news })
    }

    /// How many are open.
    pub fn count(&self) -> u32 {
        self.lock().total
    }

    /// Waits until there is reason to look at the store.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Has the store looked at now: somebody was logged out.
    pub fn look(&self) {
        self.news.notify_one();
    }

    /// The projects that have streams.
    pub fn projects(&self) -> BTreeSet<ProjectId> {
        self.lock().open.keys().map(|(project, _)| *project).collect()
    }

    /// At most so many of the browsers that came since the last time, by project, in the order of their ids. If there are
    /// more, that is [news](Self::news).
    pub fn take_fresh(&self, most: usize) -> BTreeMap<ProjectId, Vec<Present>> {
        let mut state = self.lock();
        let mut fresh: BTreeMap<ProjectId, Vec<Present>> = BTreeMap::new();
        let rest = state.fresh.iter().nth(most).copied();
        let rest = rest.map(|first| state.fresh.split_off(&first)).unwrap_or_default();
        if !rest.is_empty() {
            self.news.notify_one();
        }
        for key in std::mem::replace(&mut state.fresh, rest) {
            // The newest says where the browser is now; the one that was told least says what is missing.
            let Some(streams) = state.open.get(&key) else { continue };
            let Some(last) = streams.last() else { continue };
            let told = streams.iter().map(|open| open.tell.borrow().told).min().unwrap_or_default();
            let (project, browser) = key;
            let present = Present { browser, network: last.network.to_string(), asn: last.asn, told };
            fresh.entry(project).or_default().push(present);
        }
        fresh
    }

    /// Takes browsers for fresh again: the store could not be told.
    pub fn put_back(&self, project: ProjectId, present: &[Present]) {
        self.lock().fresh.extend(present.iter().map(|one| (project, one.browser)));
    }

    /// Tells a browser that it was logged out at `at`, if it holds a stream here and doesn't know.
    pub fn tell(&self, key: Key, at: i64) {
        for open in self.lock().open.get(&key).into_iter().flatten() {
            open.tell.send_if_modified(|news| {
                let is_news = at > news.told;
                news.told = at.max(news.told);
                is_news
            });
        }
    }

    /// Ends every stream, and lets none be opened any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a stream out, and gives back its room; `None` where it has gone already.
    fn remove(&mut self, key: &Key, number: u64) -> Option<Open> {
        let streams = self.open.get_mut(key)?;
        let place = streams.iter().position(|open| open.number == number)?;
        let open = streams.remove(place);
        if streams.is_empty() {
            self.open.remove(key);
        }
        self.total -= 1;
        if let Some(here) = self.by_network.get_mut(&open.network) {
            *here -= 1;
            if *here == 0 {
                self.by_network.remove(&open.network);
            }
        }
        Some(open)
    }
}

impl Held {
    /// Waits for what there is to say; `None`: the stream is over.
    pub async fn hears(&mut self) -> Option<Heard> {
        // Told before its sender is dropped: what was said last is heard all the same.
        let changed = self.news.changed().await;
        let news = *self.news.borrow_and_update();
        match changed {
            _ if news.displaced => Some(Heard::Displaced),
            Ok(()) => Some(Heard::LoggedOut(news.told)),
            Err(_) => None,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.streams.lock().remove(&self.key, self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: EventsConfig = EventsConfig { streams: 3, streams_per_address: 2 };

    fn key(number: u8) -> Key {
        (ProjectId::new(1, [1; 10]), BrowserId::new(1, [number; 10]))
    }

    fn from(network: &str) -> Line {
        Line { network: network.to_owned(), asn: None }
    }

    #[test]
    fn an_address_and_a_node_have_only_so_many_and_get_back_what_is_closed() {
        let streams = Streams::new(LIMITS);
        let open = |number, network| streams.open(key(number), from(network), 0);
        let first = open(1, "a").unwrap();
        let second = open(1, "a").unwrap();
        assert_eq!(open(2, "a").unwrap_err(), Full::Address);
        let third = open(2, "b").unwrap();
        assert_eq!(open(3, "c").unwrap_err(), Full::Node);
        drop(second);
        let fourth = open(3, "a").unwrap();
        assert_eq!(streams.count(), 3);
        drop((first, third, fourth));
        let state = streams.lock();
        assert!(state.total == 0 && state.open.is_empty() && state.by_network.is_empty());
    }

    #[tokio::test]
    async fn each_stream_of_a_browser_is_told_once_and_no_other_is() {
        let streams = Streams::new(LIMITS);
        let mut one = streams.open(key(1), from("a"), 0).unwrap();
        let mut knows = streams.open(key(1), from("a"), 5).unwrap();
        let other = streams.open(key(2), from("b"), 0).unwrap();
        streams.tell(key(1), 5);
        streams.tell(key(1), 5);
        assert_eq!(one.hears().await, Some(Heard::LoggedOut(5)));
        assert!(!knows.news.has_changed().unwrap() && !other.news.has_changed().unwrap());
        streams.tell(key(1), 4);
        streams.tell(key(1), 6);
        let six = Some(Heard::LoggedOut(6));
        assert_eq!((one.hears().await, knows.hears().await), (six, six));
        streams.close();
        assert_eq!(one.hears().await, None);
        assert_eq!(streams.open(key(1), from("a"), 0).unwrap_err(), Full::Node);
    }

    #[tokio::test]
    async fn one_browser_has_only_so_many_and_the_oldest_makes_room() {
        let streams = Streams::new(EventsConfig { streams: 5, streams_per_address: 4 });
        let mut first = streams.open(key(1), from("a"), 0).unwrap();
        let mut held: Vec<_> = (0..3).map(|_| streams.open(key(1), from("a"), 0).unwrap()).collect();
        // The address is full for others, and for this browser as well unless one of its own makes room there.
        assert_eq!(streams.open(key(2), from("a"), 0).unwrap_err(), Full::Address);
        held.push(streams.open(key(1), from("a"), 0).unwrap());
        assert_eq!((streams.count(), first.hears().await), (4, Some(Heard::Displaced)));
        streams.tell(key(1), 5);
        assert_eq!(held[3].hears().await, Some(Heard::LoggedOut(5)));
        // It has gone already: its end gives nothing back a second time.
        drop(first);
        assert_eq!(streams.count(), 4);
        let other = streams.open(key(2), from("b"), 0).unwrap();
        assert_eq!(streams.open(key(3), from("c"), 0).unwrap_err(), Full::Node);
        held.push(streams.open(key(1), from("b"), 0).unwrap());
        assert_eq!(streams.lock().by_network[&Arc::from("a")], 3);
        drop((held, other));
        let state = streams.lock();
        assert!(state.total == 0 && state.open.is_empty() && state.by_network.is_empty());
    }

    #[test]
    fn a_browser_is_fresh_once_and_again_when_the_store_was_not_told() {
        let streams = Streams::new(LIMITS);
        let (project, browser) = key(1);
        let _older = streams.open((project, browser), from("a"), 9).unwrap();
        let _newer = streams.open((project, browser), from("b"), 3).unwrap();
        let fresh = streams.take_fresh(9);
        let wanted = [Present { browser, network: "b".to_owned(), asn: None, told: 3 }];
        assert_eq!(fresh[&project], wanted);
        assert!(streams.take_fresh(9).is_empty());
        streams.put_back(project, &wanted);
        assert_eq!(streams.take_fresh(9)[&project], wanted);
    }

    #[tokio::test]
    async fn of_many_that_come_at_once_some_are_taken_and_the_rest_is_news() {
        let streams = Streams::new(EventsConfig { streams: 9, streams_per_address: 9 });
        let held: Vec<_> = (0..5).map(|number| streams.open(key(number), from("a"), 0).unwrap()).collect();
        let mut taken = Vec::new();
        for many in [2, 2, 1] {
            streams.news().await;
            let fresh = streams.take_fresh(2).remove(&key(0).0).unwrap();
            assert_eq!(fresh.len(), many);
            taken.extend(fresh.into_iter().map(|one| one.browser));
        }
        assert_eq!(taken, held.iter().map(|one| one.key.1).collect::<Vec<_>>());
    }
}
