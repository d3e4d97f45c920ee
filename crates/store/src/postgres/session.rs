//! A transaction on a connection, as operations see it.
//!
//! Nothing is sent before it must be, and nothing is waited for before it must be: `BEGIN`, the keys and queued writes go
//! ahead of the next reads without waiting for their answers, the last writes go with `COMMIT`. So operations that read
//! what they need at once, decide, and write, cost two round trips, and each further stage of reading one.
//!
//! Operations that share a transaction run side by side: what all of them ask is sent together, as one statement where it
//! is the same one, and so is what they write. Those that ask for a key to themselves that another has run after it. A row
//! of state that they share passes from one to the next, in their order, without the database.
//!
//! Operations that end with what they ask ([`Tx::claim_at_once`](crate::Tx)) are committed with it: `BEGIN`, the keys, the
//! claims, the reads beside them and `COMMIT` are one round trip. Whoever has more to do goes on in a new transaction.

use std::{
    collections::{BTreeSet, HashMap},
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture, pin_mut, poll};
use tokio::task::unconstrained;

use super::{
    connection::{Connection, Ready, Text},
    fault::Fault,
    outgoing::{Answer, Groups, Outgoing, Reply, broken},
    part::Part,
    worker::Job,
};
use crate::{
    Row, StoreError,
    tx::{Faults, Keys, Owned},
};

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Read and write.
    Write,
    /// Only read, all of one moment.
    Read,
}

const HOLD: Text =
    Text::own("SELECT pg_advisory_xact_lock(key) FROM unnest(string_to_array($1, ',')::bigint[]) AS key");
/// Names the transaction in the database: whoever finds the name there knows that it was committed.
const NAME: Text = Text::own("INSERT INTO transactions (project_id, name) VALUES ($1, $2)");

/// A transaction.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    purpose: Purpose,
    patience: Duration,
    /// The project under which its transactions are named.
    project: [u8; 16],
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// `BEGIN`, the keys, and writes: what is sent ahead of the next reads.
    pub(super) queue: Vec<Queued>,
    /// What operations wait for.
    pub(super) asked: Vec<Asked>,
    /// Rows of state that were read or written, by their statement and key.
    pub(super) rows: HashMap<(&'static str, Vec<Owned>), Kept>,
    /// Who runs now and asked for a row of state: of those whose turn has not come, the first may go on.
    pub(super) turns: HashMap<i64, BTreeSet<usize>>,
    /// Rows that operations which run now hold.
    held: Vec<(usize, Row)>,
    /// The first thing that went wrong: everything after it is refused, whatever operations make of it.
    pub(super) fault: Option<Fault>,
    /// Who wrote something.
    writers: BTreeSet<usize>,
    /// Whether `COMMIT` is on its way.
    committing: bool,
    /// By what the transaction can be found if the answer to its `COMMIT` is lost.
    name: Vec<u8>,
}

/// What is sent ahead of the next reads.
pub(super) enum Queued {
    Plain(String),
    Statement(Text, Vec<Owned>),
}

/// What an operation asked for and waits for.
pub(super) struct Asked {
    /// Whose.
    pub(super) place: usize,
    pub(super) text: Text,
    pub(super) params: Vec<Owned>,
    pub(super) answer: Answer,
    /// Whether the operation ends with it, if all goes well.
    pub(super) ends: bool,
}

/// A row of state, and what writes it if it changed.
pub(super) struct Kept {
    pub(super) row: Option<Row>,
    pub(super) unsaved: Option<Text>,
}

impl<'c> Session<'c> {
    /// A transaction that begins with its first statement.
    pub(super) fn new(connection: &'c Connection, purpose: Purpose, patience: Duration, project: [u8; 16]) -> Self {
        Self { connection, purpose, patience, project, state: Mutex::default() }
    }

    /// Begins a transaction that has those keys; nothing is sent yet.
    fn begin(&self, keys: &Keys) {
        let mut queue = vec![Queued::Plain(self.connection.begin(self.only_reads(), self.patience))];
        if !keys.is_empty() {
            queue.push(Queued::Statement(HOLD, vec![Owned::Text(keys.in_order())]));
        }
        let mut state = self.lock();
        let turns = std::mem::take(&mut state.turns);
        *state = State { queue, turns, name: self.connection.name_a_transaction(), ..State::default() };
    }

    /// Runs operations. After an error the transaction must be rolled back.
    pub(super) async fn run(&self, jobs: &mut [Job]) -> Result<(), Fault> {
        let mut all = Keys::default();
        for job in jobs.iter() {
            all.join(&job.keys);
        }
        self.begin(&all);
        let mut left: Vec<usize> = (0..jobs.len()).collect();
        while !left.is_empty() {
            let (now, later) = apart(&left, jobs);
            let again = self.side_by_side(jobs, &now, &all).await?;
            left = again.into_iter().chain(later).collect();
        }
        Ok(())
    }

    /// Runs those at the places `now`, in their order wherever that matters; answers which have to run again, after the
    /// others, because one of the others holds a row that they need.
    async fn side_by_side(&self, jobs: &mut [Job], now: &[usize], keys: &Keys) -> Result<Vec<usize>, Fault> {
        self.take_turns(jobs, now);
        let end_at_once = jobs.iter().all(|job| job.ends_at_once);
        let parts: Vec<_> = now.iter().map(|place| Part { session: self, place: *place }).collect();
        let wanted = jobs.iter_mut().enumerate().filter(|(place, _)| now.contains(place)).zip(&parts);
        let mut running: Vec<_> =
            wanted.map(|((place, job), part)| Running { place, name: job.name, job: job.run(part) }).collect();
        let mut again = Vec::new();
        loop {
            // Without a budget: an answer that is there must be taken, however many there are.
            unconstrained(poll_fn(|cx| Poll::Ready(self.poll_all(&mut running, cx)))).await?;
            let Some(Running { name, .. }) = running.first() else { return Ok(again) };
            if self.lock().asked.is_empty() {
                return Err(broken(format!("{name} waited for something other than the database")));
            }
            if end_at_once && self.all_end(&running) {
                self.ask_all_and_commit(keys).await?;
                continue;
            }
            let late = self.ask_all().await?;
            running.retain(|running| !late.contains(&running.place));
            for place in &late {
                self.lock().end(*place);
            }
            again.extend(late);
        }
    }

    fn take_turns(&self, jobs: &[Job], now: &[usize]) {
        let mut state = self.lock();
        state.held.clear();
        state.turns.clear();
        for place in now {
            for key in jobs.get(*place).into_iter().flat_map(|job| job.keys.shared()) {
                state.turns.entry(*key).or_default().insert(*place);
            }
        }
    }

    /// Lets each go on as far as it can; who is done leaves.
    fn poll_all(&self, running: &mut Vec<Running<'_>>, cx: &mut Context<'_>) -> Result<(), Fault> {
        let mut result = Ok(());
        running.retain_mut(|Running { place, job, .. }| match job.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(ended) => {
                self.lock().end(*place);
                if result.is_ok() {
                    result = ended;
                }
                false
            }
        });
        // What an operation makes of a failed statement doesn't matter: it was not carried out.
        self.lock().fault.clone().map_or(result, Err)
    }

    /// Whether each of them ends with something that it asks for now.
    fn all_end(&self, running: &[Running<'_>]) -> bool {
        let state = self.lock();
        let ends = |place| state.asked.iter().any(|asked| asked.ends && asked.place == place);
        running.iter().all(|running| ends(running.place))
    }

    /// Sends what waits to be sent, all that is asked for and `COMMIT`, and hands out the answers once all is committed.
    /// Whoever goes on does so in a new transaction.
    async fn ask_all_and_commit(&self, keys: &Keys) -> Result<(), Fault> {
        let asked = std::mem::take(&mut self.lock().asked);
        let mut outgoing = self.queued();
        outgoing.extend(self.together(asked));
        let replies = self.send_and_commit(&mut outgoing).await?;
        self.begin(keys);
        for (sent, reply) in outgoing.into_iter().zip(replies) {
            sent.hand_out(reply)?;
        }
        Ok(())
    }

    /// Sends what waits to be sent and all that is asked for, and hands out the answers; answers who asked for a row that
    /// another of them holds.
    async fn ask_all(&self) -> Result<BTreeSet<usize>, Fault> {
        let asked = std::mem::take(&mut self.lock().asked);
        let mut outgoing = self.queued();
        outgoing.extend(self.together(asked));
        let replies = self.send(&outgoing).await?;
        for (sent, reply) in outgoing.into_iter().zip(replies) {
            let held = sent.hand_out(reply)?;
            self.lock().held.extend(held);
        }
        self.lock().take_late()
    }

    /// Whether nothing may be written.
    pub(super) fn only_reads(&self) -> bool {
        self.purpose == Purpose::Read
    }

    /// Whether anything was written.
    pub(super) fn wrote(&self) -> bool {
        !self.lock().writers.is_empty()
    }

    /// Whether `COMMIT` may have reached the server.
    pub(super) fn is_committing(&self) -> bool {
        self.lock().committing
    }

    /// The name of the transaction.
    pub(super) fn name(&self) -> Vec<u8> {
        self.lock().name.clone()
    }

    /// Commits what was written, if anything was.
    pub(super) async fn commit(&self) -> Result<(), Fault> {
        if !self.wrote() {
            return self.end().await;
        }
        let mut outgoing = self.queued();
        self.send_and_commit(&mut outgoing).await.map(drop)
    }

    /// Sends all of it and commits, under a name by which the transaction can be found if the answer is lost.
    async fn send_and_commit(&self, outgoing: &mut Vec<Outgoing>) -> Result<Vec<Reply>, Fault> {
        let name = vec![Owned::Bytes(self.project.to_vec()), Owned::Bytes(self.name())];
        outgoing.push(Outgoing::write(NAME, name));
        outgoing.push(Outgoing::plain("COMMIT".to_owned()));
        self.prepare_all(outgoing).await?;
        self.lock().committing = true;
        self.send(outgoing).await.map_err(|fault| match fault {
            // A refused statement means that `COMMIT` found nothing to commit.
            Fault::Connection(what) => Fault::Unknown(what),
            other => other,
        })
    }

    /// Ends a transaction that wrote nothing; nobody needs to wait for that.
    async fn end(&self) -> Result<(), Fault> {
        let has_begun = !self.lock().queue.iter().any(|queued| matches!(queued, Queued::Plain(_)));
        if has_begun {
            let ending = self.connection.batch("ROLLBACK");
            pin_mut!(ending);
            // Polled once it is sent; the answer comes before that of the next transaction.
            let _ = poll!(ending);
        }
        Ok(())
    }

    /// Ends it without a trace; false when the connection is of no use any more.
    pub(super) async fn rollback(&self) -> bool {
        self.connection.batch("ROLLBACK").await.is_ok()
    }

    /// What waits to be sent, changed rows of state included.
    fn queued(&self) -> Vec<Outgoing> {
        let mut state = self.lock();
        let mut queue = std::mem::take(&mut state.queue);
        for ((_, key), kept) in &mut state.rows {
            if let (Some(save), Some(Row(columns))) = (kept.unsaved.take(), &kept.row) {
                queue.push(Queued::Statement(save, [key.as_slice(), columns].concat()));
            }
        }
        drop(state);
        let mut outgoing: Vec<Outgoing> = Vec::new();
        let mut writes = Groups::new(self.connection.is_preparing());
        for queued in queue {
            match queued {
                // `BEGIN` is the first, and the keys come before all that depends on them.
                Queued::Plain(text) => outgoing.push(Outgoing::plain(text)),
                Queued::Statement(text, params) => writes.add(text, params, None),
            }
        }
        outgoing.extend(writes.outgoing());
        outgoing
    }

    /// What was asked, each statement once where it may be.
    ///
    /// Rows are held in each operation's own order (a challenge before its user): a statement goes after all that any of
    /// the operations asked before it.
    fn together(&self, asked: Vec<Asked>) -> Vec<Outgoing> {
        let mut ordinals: HashMap<usize, usize> = HashMap::new();
        let mut last: HashMap<Text, usize> = HashMap::new();
        for asked in &asked {
            let ordinal = ordinals.entry(asked.place).or_default();
            let latest = last.entry(asked.text).or_default();
            *latest = (*latest).max(*ordinal);
            *ordinal += 1;
        }
        let mut asked = asked;
        asked.sort_by_key(|asked| last.get(&asked.text).copied());
        let mut groups = Groups::new(self.connection.is_preparing());
        for Asked { place, text, params, answer, ends: _ } in asked {
            groups.add(text, params, Some((place, answer)));
        }
        groups.outgoing().collect()
    }

    async fn prepare_all(&self, outgoing: &[Outgoing]) -> Result<Vec<Option<Ready>>, Fault> {
        let mut ready = Vec::with_capacity(outgoing.len());
        for sent in outgoing {
            ready.push(sent.prepare(self.connection).await.map_err(|fault| self.fail(fault))?);
        }
        Ok(ready)
    }

    /// Sends all, in this order, and only then waits for the answers.
    async fn send(&self, outgoing: &[Outgoing]) -> Result<Vec<Reply>, Fault> {
        let ready = self.prepare_all(outgoing).await?;
        let mut sending: Vec<BoxFuture<'_, Result<Reply, Fault>>> = Vec::with_capacity(outgoing.len());
        for (sent, ready) in outgoing.iter().zip(ready) {
            sending.push(sent.send(self.connection, ready).boxed());
        }
        // Each is sent when it is polled for the first time.
        let mut early = Vec::with_capacity(sending.len());
        for one in &mut sending {
            early.push(match poll!(one.as_mut()) {
                Poll::Ready(reply) => Some(reply),
                Poll::Pending => None,
            });
        }
        let mut replies = Vec::with_capacity(sending.len());
        for (early, one) in early.into_iter().zip(sending) {
            let reply = match early {
                Some(reply) => reply,
                None => one.await,
            };
            replies.push(reply.map_err(|fault| self.fail(fault))?);
        }
        Ok(replies)
    }

    /// Remembers the first fault, and answers it.
    fn fail(&self, fault: Fault) -> Fault {
        self.lock().fault.get_or_insert(fault).clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No operation's code runs under the lock, so a panic leaves nothing half done behind it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to write where only reading was asked for.
    pub(super) fn may_write(&self, place: usize) -> Result<(), StoreError> {
        let mut state = self.lock();
        if self.purpose == Purpose::Read {
            let error = StoreError::Failed(Faults("it writes, but was asked to read only".to_owned()));
            state.fault.get_or_insert(Fault::Operation(error.clone()));
            return Err(error);
        }
        state.writers.insert(place);
        Ok(())
    }
}

/// An operation that runs.
struct Running<'a> {
    place: usize,
    name: &'static str,
    job: BoxFuture<'a, Result<(), Fault>>,
}

/// Which of those `left` can run side by side, and which have to wait: each for those before it that ask for one of its
/// keys.
fn apart(left: &[usize], jobs: &[Job]) -> (Vec<usize>, Vec<usize>) {
    let mut taken: BTreeSet<i64> = BTreeSet::new();
    left.iter().partition(|place| {
        let Some(Job { keys, .. }) = jobs.get(**place) else { return true };
        let is_free = keys.alone().is_disjoint(&taken);
        taken.extend(keys.alone());
        is_free
    })
}

impl State {
    /// Whoever is done, or has to begin again, is in nobody's way.
    fn end(&mut self, place: usize) {
        for places in self.turns.values_mut() {
            places.remove(&place);
        }
        self.asked.retain(|asked| asked.place != place);
    }

    /// Who was given a row that one before them holds: what they know of it will be out of date when they write. Whoever
    /// has written already can't begin again; then all do.
    fn take_late(&mut self) -> Result<BTreeSet<usize>, Fault> {
        let mut first: HashMap<&Row, usize> = HashMap::new();
        for (place, row) in &self.held {
            let holder = first.entry(row).or_insert(*place);
            *holder = (*holder).min(*place);
        }
        let is_late = |(place, row): &&(usize, Row)| first.get(row).is_some_and(|holder| holder < place);
        let late: BTreeSet<_> = self.held.iter().filter(is_late).map(|(place, _)| *place).collect();
        self.held.retain(|(place, _)| !late.contains(place));
        if late.is_disjoint(&self.writers) { Ok(late) } else { Err(Fault::Conflict) }
    }
}
