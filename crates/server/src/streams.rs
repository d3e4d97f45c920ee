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
    tell: watch::Sender<i64>,
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
    told: watch::Receiver<i64>,
}

impl Streams {
    /// None yet.
    pub fn new(limits: EventsConfig) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), news: Notify::new() })
    }

    /// Opens a stream for a browser that was told of all logouts up to `told`.
    pub fn open(self: &Arc<Self>, key: Key, line: Line, told: i64) -> Result<Held, Full> {
        let mut state = self.lock();
        if state.closed || state.total >= self.limits.streams {
            return Err(Full::Node);
        }
        let network: Arc<str> = line.network.into();
        let here = state.by_network.entry(Arc::clone(&network)).or_default();
        if *here >= self.limits.streams_per_address {
            return Err(Full::Address);
        }
        *here += 1;
        state.total += 1;
        state.opened += 1;
        let (number, (tell, told)) = (state.opened, watch::channel(told));
        state.open.entry(key).or_default().push(Open { number, network, asn: line.asn, tell });
        state.fresh.insert(key);
        drop(state);
        self.news.notify_one();
        Ok(Held { streams: Arc::clone(self), key, number, told })
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
            let told = streams.iter().map(|open| *open.tell.borrow()).min().unwrap_or_default();
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
            open.tell.send_if_modified(|told| {
                let is_news = at > *told;
                *told = at.max(*told);
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

    fn remove(&self, (key, number): (&Key, u64)) {
        let mut state = self.lock();
        let Some(streams) = state.open.get_mut(key) else { return };
        let Some(place) = streams.iter().position(|open| open.number == number) else { return };
        let open = streams.remove(place);
        if streams.is_empty() {
            state.open.remove(key);
        }
        state.total -= 1;
        if let Some(here) = state.by_network.get_mut(&open.network) {
            *here -= 1;
            if *here == 0 {
                state.by_network.remove(&open.network);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Waits for the next logout; `None`: the stream is over.
    pub async fn logged_out(&mut self) -> Option<i64> {
        self.told.changed().await.ok()?;
        Some(*self.told.borrow_and_update())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.streams.remove((&self.key, self.number));
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
        assert_eq!(one.logged_out().await, Some(5));
        assert!(!knows.told.has_changed().unwrap() && !other.told.has_changed().unwrap());
        streams.tell(key(1), 4);
        streams.tell(key(1), 6);
        assert_eq!((one.logged_out().await, knows.logged_out().await), (Some(6), Some(6)));
        streams.close();
        assert_eq!(one.logged_out().await, None);
        assert_eq!(streams.open(key(1), from("a"), 0).unwrap_err(), Full::Node);
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
