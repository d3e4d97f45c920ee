//! A worker: one connection, and the operations that it runs there, one transaction after the other.
//!
//! What waits and may share runs in one transaction: its commit, which on a replicated database costs a round trip to
//! another machine, is paid once. If one of them fails, each is run again alone, as on SQLite.
//!
//! A transaction that lost its connection before `COMMIT` was sent did nothing: it is run again. One that lost it
//! afterwards may have done everything: it is looked up by the name that it wrote, and only if that is not there, and can
//! no longer come, is it run again. Nothing is guessed.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

use super::{
    address::Address,
    connection::{Connection, Params, Ready, Text},
    fault::Fault,
    part::Part,
    queue::Queue,
    session::{Purpose, Session},
};
use crate::{
    Operation, StoreError,
    job::{Answer, Waiting},
    tx::{Keys, Owned},
};

/// Operations in one transaction at most. Each has a few keys: few enough that the server's table of locks, of 6,400 places
/// by default, has room for several nodes.
const BATCH: usize = 128;

/// Between two tries to connect or to settle.
const RETRY: Duration = Duration::from_millis(100);

/// Between two tries of a transaction that was in another's way; grows with each.
const BACK_OFF: Duration = Duration::from_millis(2);

/// An operation that waits for its turn, with what must be known of it before.
pub(super) struct Job {
    work: Box<dyn Work>,
    /// What it must have to itself.
    pub(super) keys: Keys,
    /// Whether it may share a transaction.
    pub(super) shares: bool,
    /// Whether it is one that ends at once.
    pub(super) ends_at_once: bool,
    /// Its project.
    project: [u8; 16],
    /// What it is called, for whoever looks for its fault.
    pub(super) name: &'static str,
}

/// An operation that can be run here.
trait Work: Answer {
    /// Runs it and keeps its answer.
    fn run<'a>(&'a mut self, part: &'a Part<'_, '_>) -> BoxFuture<'a, Result<(), Fault>>;
}

impl<O: Operation> Work for Waiting<O> {
    fn run<'a>(&'a mut self, part: &'a Part<'_, '_>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async {
            self.kept = None;
            self.kept = Some(part.attempt(&self.op).await?);
            Ok(())
        })
    }
}

impl Job {
    /// A job that writes has its keys; one that only reads needs none.
    pub(super) fn new<O: Operation>(waiting: Waiting<O>, purpose: Purpose) -> Self {
        let mut keys = Keys::default();
        if purpose == Purpose::Write {
            waiting.op.keys(&mut keys);
        }
        let project = waiting.op.project();
        let name = std::any::type_name::<O>();
        Self { work: Box::new(waiting), keys, shares: O::SHARES, ends_at_once: O::ENDS_AT_ONCE, project, name }
    }

    /// Runs it and keeps its answer.
    pub(super) fn run<'a>(&'a mut self, part: &'a Part<'_, '_>) -> BoxFuture<'a, Result<(), Fault>> {
        self.work.run(part)
    }

    /// Whether anybody still waits for the answer.
    pub(super) fn is_wanted(&self) -> bool {
        self.work.is_wanted()
    }

    /// Whether its answer is known.
    fn has_answer(&self) -> bool {
        self.work.has_answer()
    }

    fn tell(self) {
        self.work.tell();
    }

    fn fail(self, error: StoreError) {
        self.work.fail(error);
    }
}

/// The project under which a transaction is named.
fn project_of(jobs: &[Job]) -> [u8; 16] {
    jobs.first().map_or([0; 16], |job| job.project)
}

/// What all workers of a store share.
pub(super) struct Worker {
    pub(super) purpose: Purpose,
    pub(super) address: Arc<Address>,
    pub(super) queue: Arc<Queue>,
    /// How long one transaction may take, and how long trying again may.
    pub(super) patience: Duration,
    pub(super) unprepared: Arc<AtomicBool>,
    pub(super) connection: Option<Connection>,
    /// Transactions since markers were last cleared.
    pub(super) since_cleared: u32,
}

impl Worker {
    /// Runs what comes until nobody can send any more and the queue is empty.
    pub(super) async fn work(mut self) {
        let most = if self.purpose == Purpose::Read { 1 } else { BATCH };
        let queue = Arc::clone(&self.queue);
        while let Some(mut batch) = queue.take(most).await {
            let jobs = std::mem::take(&mut batch.jobs);
            if jobs.len() > 1 {
                self.together(jobs).await;
            } else {
                self.apart(jobs).await;
            }
        }
    }

    /// Runs jobs in one transaction; if anything goes wrong, each in its own.
    async fn together(&mut self, mut jobs: Vec<Job>) {
        match self.transaction(&mut jobs).await {
            Ok(()) => jobs.into_iter().for_each(Job::tell),
            Err((Fault::Unknown(what), name)) => match self.was_committed(project_of(&jobs), &name, &what).await {
                Ok(true) => {
                    // What was asked with `COMMIT` was answered to nobody: run again, it answers the same.
                    let (answered, unanswered) = jobs.into_iter().partition(Job::has_answer);
                    Vec::into_iter(answered).for_each(Job::tell);
                    self.apart(unanswered).await;
                }
                Ok(false) => self.apart(jobs).await,
                Err(error) => jobs.into_iter().for_each(|job| job.fail(error.clone())),
            },
            Err((fault, _)) => {
                let (error, operations) = (fault.into_error(), jobs.len());
                tracing::warn!(%error, operations, "operations that shared a transaction are run apart");
                self.apart(jobs).await;
            }
        }
    }

    /// Runs each job in a transaction of its own, again and again while that can help and somebody waits.
    async fn apart(&mut self, jobs: Vec<Job>) {
        for mut job in jobs {
            // Whoever gave up while those before were tried is not worked for: after an outage the line must be short.
            if !job.is_wanted() {
                continue;
            }
            match self.alone(&mut job).await {
                Ok(()) => job.tell(),
                Err(error) => job.fail(error),
            }
        }
    }

    async fn alone(&mut self, job: &mut Job) -> Result<(), StoreError> {
        let one = std::slice::from_mut(job);
        let started = Instant::now();
        let mut pause = BACK_OFF;
        loop {
            let (fault, name) = match self.transaction(one).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if let Fault::Unknown(what) = &fault
                && self.was_committed(project_of(one), &name, what).await?
                && one.iter().all(Job::has_answer)
            {
                return Ok(());
            }
            let hopeless = matches!(fault, Fault::Operation(_));
            if hopeless || started.elapsed() >= self.patience || !one.iter().all(Job::is_wanted) {
                let error = fault.into_error();
                tracing::error!(%error, "an operation failed");
                return Err(error);
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY);
        }
    }

    /// Runs jobs in one transaction. After an error none of them was done, unless it is [`Fault::Unknown`]; with it
    /// comes the transaction's name.
    async fn transaction(&mut self, jobs: &mut [Job]) -> Result<(), (Fault, Vec<u8>)> {
        let (purpose, patience) = (self.purpose, self.patience);
        let connection = self.connected().await.map_err(|fault| (fault, Vec::new()))?;
        let project = project_of(jobs);
        let session = Session::new(connection, purpose, patience, project);
        let running = async {
            session.run(jobs).await?;
            session.commit().await
        };
        let result = timeout(patience, running).await.unwrap_or_else(|_| {
            let what = "the database did not answer in time".to_owned();
            Err(if session.is_committing() { Fault::Unknown(what) } else { Fault::Connection(what) })
        });
        let name = session.name();
        match &result {
            Ok(()) => {}
            Err(Fault::Connection(_) | Fault::Unknown(_)) => self.connection = None,
            Err(fault) => {
                if matches!(fault, Fault::Unprepared) {
                    connection.stop_preparing();
                }
                if !timeout(patience, session.rollback()).await.unwrap_or(false) {
                    self.connection = None;
                }
            }
        }
        if result.is_ok() && purpose == Purpose::Write {
            self.clear_names(project).await;
        }
        result.map_err(|fault| (fault, name))
    }

    /// The connection, opened if there is none that works.
    async fn connected(&mut self) -> Result<&Connection, Fault> {
        let kept = self.connection.take().filter(|connection| !connection.is_closed());
        let connection = match kept {
            Some(connection) => connection,
            None => timeout(self.patience, Connection::open(&self.address, Arc::clone(&self.unprepared)))
                .await
                .unwrap_or_else(|_| Err(Fault::Connection("connecting took too long".to_owned())))
                // Whatever stands in the way of a connection may be gone in a moment.
                .map_err(|fault| Fault::Connection(fault.into_error().to_string()))?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Whether the transaction of that name was committed. Asking writes the name: if it could be written, the
    /// transaction was not committed and, whatever still runs on the lost connection, can't be any more.
    async fn was_committed(&mut self, project: [u8; 16], name: &[u8], what: &str) -> Result<bool, StoreError> {
        let started = Instant::now();
        loop {
            match self.settle(project, name).await {
                Ok(committed) => return Ok(committed),
                Err(_) if started.elapsed() < self.patience => sleep(RETRY).await,
                Err(fault) => {
                    tracing::error!(error = %fault.into_error(), "whether a transaction was committed can't be learnt");
                    return Err(Fault::Unknown(what.to_owned()).into_error());
                }
            }
        }
    }

    async fn settle(&mut self, project: [u8; 16], name: &[u8]) -> Result<bool, Fault> {
        const SETTLE: Text =
            Text::own("INSERT INTO transactions (project_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        let patience = self.patience;
        let connection = self.connected().await?;
        let asking = async {
            let params = Params::One(vec![Owned::Bytes(project.to_vec()), Owned::Bytes(name.to_vec())]);
            connection.execute(&Ready::Typed(SETTLE), &params).await
        };
        let answer = timeout(patience, asking).await;
        let answer = answer.unwrap_or_else(|_| Err(Fault::Connection("the database did not answer".to_owned())));
        if answer.is_err() {
            self.connection = None;
        }
        Ok(answer? == 0)
    }

    /// Forgets names that nobody can still ask for, now and then.
    async fn clear_names(&mut self, project: [u8; 16]) {
        const EVERY: u32 = 1_000;
        const KEPT_MS: i64 = 3_600_000;
        const CLEAR: Text = Text::own("DELETE FROM transactions WHERE project_id = $1 AND name < $2");
        self.since_cleared += 1;
        if self.since_cleared < EVERY {
            return;
        }
        self.since_cleared = 0;
        let patience = self.patience;
        let Ok(connection) = self.connected().await else { return };
        let before = connection.server_time().saturating_sub(KEPT_MS).to_be_bytes();
        let params = Params::One(vec![Owned::Bytes(project.to_vec()), Owned::Bytes(before.to_vec())]);
        let clearing = connection.execute(&Ready::Typed(CLEAR), &params);
        if !matches!(timeout(patience, clearing).await, Ok(Ok(_))) {
            // The next transaction finds out on a new connection what is wrong.
            self.connection = None;
        }
    }
}
