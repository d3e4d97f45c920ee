//! What has arrived, newest first, in bounded memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::message::Message;

/// Messages kept; an older one gives way.
const KEPT: usize = 500;

#[derive(Default)]
pub(super) struct Mailbox(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    arrived: u64,
    messages: VecDeque<Numbered>,
}

/// A message and the number of its arrival, from 1.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) message: Arc<Message>,
}

impl Mailbox {
    /// Puts a message on top. A second copy of one that is here, by its sender's id, is what a retry looks like and adds
    /// nothing.
    pub(super) fn add(&self, message: Message) {
        let mut kept = self.lock();
        if message.id.is_some() && kept.messages.iter().any(|known| known.message.id == message.id) {
            return;
        }
        kept.arrived += 1;
        let number = kept.arrived;
        kept.messages.push_front(Numbered { number, message: Arc::new(message) });
        kept.messages.truncate(KEPT);
    }

    /// All of them, newest first.
    pub(super) fn newest_first(&self) -> Vec<Numbered> {
        self.lock().messages.iter().cloned().collect()
    }

    /// The one with this number, while it is kept.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Message>> {
        self.lock().messages.iter().find(|kept| kept.number == number).map(|kept| Arc::clone(&kept.message))
    }

    /// How many ever arrived: changes exactly when the page does.
    pub(super) fn arrived(&self) -> u64 {
        self.lock().arrived
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while holding it half-changed, so what a panicking thread left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
