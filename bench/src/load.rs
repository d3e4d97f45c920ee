//! The load: a fixed number of connections, each of which sends its next request when it has the answer to the last.
//!
//! Closed loop: the server is always exactly as busy as it can be with that many callers, and latencies are those of
//! a server under full load. The first refusal ends the run.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::{
    connection::{Answer, Connection},
    error::{BenchError, excerpt},
    histogram::Histogram,
    traffic::{Evaluated, Traffic},
};

/// How long a load goes on. What happens during the warm-up is done and not counted.
#[derive(Clone, Copy, Debug)]
pub enum Span {
    /// For a time.
    Time {
        /// Not counted.
        warm_up: Duration,
        /// Counted.
        measured: Duration,
    },
    /// For a number of requests.
    Requests {
        /// Not counted.
        warm_up: u64,
        /// Counted.
        measured: u64,
    },
}

/// What is sent.
#[derive(Clone, Debug)]
pub enum Work<'a> {
    /// Evaluations of the first `users` users, drawn from ticket `first` on.
    Evaluate {
        /// How many users take part.
        users: u32,
        /// The first ticket: other tickets are other draws.
        first: u64,
        /// Whether to keep the ids of evaluations that met no challenge.
        collect: bool,
    },
    /// Each of these evaluations, consumed once.
    Consume {
        /// Their ids.
        ids: &'a [String],
        /// The site's secret.
        api_secret: &'a str,
    },
}

/// A load to put on a server.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// The server's nodes: connections are spread over them evenly.
    pub addresses: &'a [SocketAddr],
    /// Who calls it.
    pub traffic: &'a Traffic,
    /// How many connections at a time.
    pub connections: usize,
    /// What they send.
    pub work: Work<'a>,
    /// Until when.
    pub span: Span,
    /// The most that all of it may take.
    pub limit: Duration,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Latencies of the requests that count.
    pub latencies: Histogram,
    /// From the first of them to the end of the last.
    pub elapsed: Duration,
    /// Requests answered, counted or not.
    pub answered: u64,
    /// How many of those led to a challenge.
    pub challenged: u64,
    /// Evaluations kept for later.
    pub ids: Vec<String>,
}

impl Measured {
    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
    pub fn rate(&self) -> f64 {
        self.latencies.total() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The share of evaluations that led to a challenge, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
    pub fn challenged_share(&self) -> f64 {
        self.challenged as f64 / self.answered.max(1) as f64
    }
}

/// What the connections share. They all run on one thread.
#[derive(Debug)]
struct Progress {
    begun: Instant,
    next: Cell<u64>,
    first_counted: Cell<Option<Instant>>,
    last_counted: Cell<Option<Instant>>,
    measured: RefCell<Measured>,
}

impl Load<'_> {
    /// Runs it to its end.
    pub async fn run(&self) -> Result<Measured, BenchError> {
        let phase = || format!("{} at {:?}", self.work.name(), self.addresses);
        match timeout(self.limit, self.run_all()).await {
            Ok(done) => done,
            Err(_) => Err(BenchError::TooSlow { phase: phase(), limit: self.limit }),
        }
    }

    async fn run_all(&self) -> Result<Measured, BenchError> {
        let progress = Progress::new();
        let nodes = self.addresses.iter().cycle().take(self.connections);
        let callers = nodes.map(|address| self.call_until_done(*address, &progress));
        try_join_all(callers).await?;
        let elapsed = match (progress.first_counted.get(), progress.last_counted.get()) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        };
        Ok(Measured { elapsed, ..progress.measured.into_inner() })
    }

    async fn call_until_done(&self, address: SocketAddr, progress: &Progress) -> Result<(), BenchError> {
        let mut connection = Connection::open(address).await?;
        let (mut body, mut request) = (Vec::new(), Vec::new());
        loop {
            let ticket = progress.next.get();
            if self.span.is_over(ticket, progress.begun) || self.work.is_exhausted(ticket) {
                return Ok(());
            }
            progress.next.set(ticket + 1);
            self.work.write(ticket, self.traffic, &mut body, &mut request);
            let sent = Instant::now();
            let answer = connection.exchange(&request).await?;
            let answered = Instant::now();
            self.take(ticket, &answer, &mut progress.measured.borrow_mut())?;
            if self.span.counts(ticket, progress.begun, sent) {
                progress.count(sent, answered);
            }
        }
    }

    /// Checks the answer and takes from it what is needed later.
    fn take(&self, ticket: u64, answer: &Answer<'_>, measured: &mut Measured) -> Result<(), BenchError> {
        let request = self.work.name();
        if !(200..300).contains(&answer.status) {
            return Err(BenchError::Refused { request, status: answer.status, body: excerpt(answer.body) });
        }
        let unexpected = || BenchError::Unexpected { request, body: excerpt(answer.body) };
        measured.answered += 1;
        match &self.work {
            Work::Evaluate { collect, .. } => {
                let evaluated: Evaluated<'_> = serde_json::from_slice(answer.body).map_err(|_| unexpected())?;
                self.traffic.keep(self.work.user_of(ticket), &evaluated);
                match evaluated.redirect {
                    Some(_) => measured.challenged += 1,
                    None if *collect => measured.ids.push(evaluated.evaluation_id.to_owned()),
                    None => {}
                }
                Ok(())
            }
            // Anything else would be a pending challenge, which is answered without claiming anything.
            Work::Consume { .. } if contains(answer.body, br#""consumed":true"#) => Ok(()),
            Work::Consume { .. } => Err(unexpected()),
        }
    }
}

impl Work<'_> {
    /// What errors call it.
    fn name(&self) -> &'static str {
        match self {
            Self::Evaluate { .. } => "POST /v3/evaluations",
            Self::Consume { .. } => "POST /v3/evaluations/{id}/consume",
        }
    }

    fn is_exhausted(&self, ticket: u64) -> bool {
        match self {
            Self::Evaluate { .. } => false,
            Self::Consume { ids, .. } => ticket >= ids.len() as u64,
        }
    }

    fn user_of(&self, ticket: u64) -> u32 {
        match self {
            Self::Evaluate { users, first, .. } => Traffic::user_of(first + ticket, *users),
            Self::Consume { .. } => 0,
        }
    }

    fn write(&self, ticket: u64, traffic: &Traffic, body: &mut Vec<u8>, request: &mut Vec<u8>) {
        match self {
            Self::Evaluate { .. } => traffic.write_evaluation(self.user_of(ticket), body, request),
            Self::Consume { ids, api_secret } => {
                let id = usize::try_from(ticket).ok().and_then(|ticket| ids.get(ticket));
                traffic.write_consume(id.map_or("", String::as_str), api_secret, request);
            }
        }
    }
}

impl Span {
    fn is_over(self, ticket: u64, begun: Instant) -> bool {
        match self {
            Self::Time { warm_up, measured } => begun.elapsed() >= warm_up + measured,
            Self::Requests { warm_up, measured } => ticket >= warm_up + measured,
        }
    }

    fn counts(self, ticket: u64, begun: Instant, sent: Instant) -> bool {
        match self {
            Self::Time { warm_up, .. } => sent >= begun + warm_up,
            Self::Requests { warm_up, .. } => ticket >= warm_up,
        }
    }
}

impl Progress {
    fn new() -> Self {
        let (latencies, ids) = (Histogram::new(), Vec::new());
        Self {
            begun: Instant::now(),
            next: Cell::new(0),
            first_counted: Cell::new(None),
            last_counted: Cell::new(None),
            measured: RefCell::new(Measured { latencies, elapsed: Duration::ZERO, answered: 0, challenged: 0, ids }),
        }
    }

    fn count(&self, sent: Instant, answered: Instant) {
        let first = self.first_counted.get().map_or(sent, |first| first.min(sent));
        self.first_counted.set(Some(first));
        self.last_counted.set(Some(answered));
        self.measured.borrow_mut().latencies.record(answered - sent);
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}
