//! What a transaction sends at once, and whose the answers are.
//!
//! Statements of several operations that are the same one are sent once for all of them, where they may be; see
//! [`super::merge`].

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::{
    connection::{Connection, Params, Ready, Text},
    fault::Fault,
};
use crate::{
    Row, StoreError,
    tx::{Faults, Owned},
};

/// Where an answer goes.
pub(super) enum Answer {
    /// Rows.
    Rows(oneshot::Sender<Vec<Row>>),
    /// How many rows were changed.
    Changed(oneshot::Sender<u64>),
}

/// What is sent, and for whom.
pub(super) struct Outgoing {
    what: What,
    params: Params,
    /// Who waits for it: the place of an operation, and where its answer goes.
    answers: Vec<(usize, Answer)>,
}

enum What {
    /// Takes nothing and answers nothing.
    Plain(String),
    Statement(Text),
}

/// What the server answered.
pub(super) enum Reply {
    Rows(Vec<Row>),
    Changed(u64),
}

/// A fault of ours.
pub(super) fn broken(what: impl Into<String>) -> Fault {
    Fault::Operation(StoreError::Failed(Faults(what.into())))
}

impl Outgoing {
    /// Something that takes nothing and answers nothing.
    pub(super) fn plain(text: String) -> Self {
        Self { what: What::Plain(text), params: Params::NONE, answers: Vec::new() }
    }

    /// A statement that nobody waits for.
    pub(super) fn write(text: Text, params: Vec<Owned>) -> Self {
        Self { what: What::Statement(text), params: Params::One(params), answers: Vec::new() }
    }

    /// Makes the server know it.
    pub(super) async fn prepare(&self, connection: &Connection) -> Result<Option<Ready>, Fault> {
        match &self.what {
            What::Plain(_) => Ok(None),
            What::Statement(text) => connection.prepare(*text).await.map(Some),
        }
    }

    /// Sends it when it is first polled, and then waits for the answer.
    pub(super) async fn send(&self, connection: &Connection, ready: Option<Ready>) -> Result<Reply, Fault> {
        match (&self.what, ready) {
            (What::Plain(text), _) => connection.batch(text).await.map(|()| Reply::Changed(0)),
            (What::Statement(_), None) => Err(broken("a statement was not prepared")),
            (What::Statement(_), Some(ready)) if self.wants_rows() => {
                connection.query(&ready, &self.params).await.map(Reply::Rows)
            }
            (What::Statement(_), Some(ready)) => connection.execute(&ready, &self.params).await.map(Reply::Changed),
        }
    }

    /// Whether rows are to be read: those of a query, or, of a claim for many, the numbers of those whose it is.
    fn wants_rows(&self) -> bool {
        let claims = self.answers.iter().any(|(_, answer)| matches!(answer, Answer::Changed(_)));
        !self.answers.is_empty() && (!claims || matches!(self.params, Params::Many(_)))
    }

    /// Gives everybody their share of the reply; answers the rows that are held from now on, and for whom.
    pub(super) fn hand_out(self, reply: Reply) -> Result<Vec<(usize, Row)>, Fault> {
        let is_locking = matches!(&self.what, What::Statement(text) if text.is_locking());
        let mut held = Vec::new();
        let shares = match reply {
            // Nobody's, or one claim's.
            Reply::Changed(changed) => {
                for (_, answer) in self.answers {
                    if let Answer::Changed(to) = answer {
                        // Whoever doesn't wait any more has failed, and that is told elsewhere.
                        let _ = to.send(changed);
                    }
                }
                return Ok(held);
            }
            Reply::Rows(rows) if matches!(self.params, Params::Many(_)) => shares_of(rows, self.answers.len())?,
            Reply::Rows(rows) => vec![rows],
        };
        for ((place, answer), rows) in self.answers.into_iter().zip(shares) {
            if is_locking {
                held.extend(rows.iter().map(|row| (place, row.clone())));
            }
            match answer {
                Answer::Rows(to) => drop(to.send(rows)),
                Answer::Changed(to) => drop(to.send(rows.len() as u64)),
            }
        }
        Ok(held)
    }
}

/// The rows of each of `many`, in their order, without the number that says whose they are.
fn shares_of(rows: Vec<Row>, many: usize) -> Result<Vec<Vec<Row>>, Fault> {
    let mut shares: Vec<Vec<Row>> = (0..many).map(|_| Vec::new()).collect();
    for row in rows {
        let number = row.int(0)?;
        let share = usize::try_from(number - 1).ok().and_then(|place| shares.get_mut(place));
        let share = share.ok_or_else(|| broken("an answer that nobody asked for"))?;
        share.push(Row(row.0.into_iter().skip(1).collect()));
    }
    Ok(shares)
}

/// Statements in the order of their first use, those that may be sent for many together.
pub(super) struct Groups {
    merging: bool,
    all: Vec<Group>,
    /// Where the group of a statement that may be sent for many is.
    places: HashMap<Text, usize>,
}

struct Group {
    text: Text,
    rows: Vec<Vec<Owned>>,
    answers: Vec<(usize, Answer)>,
}

impl Groups {
    /// None yet; `merging`: whether any may be sent for many.
    pub(super) fn new(merging: bool) -> Self {
        Self { merging, all: Vec::new(), places: HashMap::new() }
    }

    /// Adds a statement, and who waits for its answer.
    pub(super) fn add(&mut self, text: Text, params: Vec<Owned>, answer: Option<(usize, Answer)>) {
        let merges = self.merging && text.many().is_some();
        let known = if merges { self.places.get(&text).and_then(|place| self.all.get_mut(*place)) } else { None };
        if let Some(group) = known {
            group.rows.push(params);
            group.answers.extend(answer);
            return;
        }
        if merges {
            self.places.insert(text, self.all.len());
        }
        self.all.push(Group { text, rows: vec![params], answers: answer.into_iter().collect() });
    }

    /// All of them, ready to be sent.
    pub(super) fn outgoing(self) -> impl Iterator<Item = Outgoing> {
        self.all.into_iter().map(|Group { text, mut rows, answers }| {
            let (text, params) = match text.many() {
                Some(many) if rows.len() > 1 => (many, Params::of_many(rows)),
                _ => (text, Params::One(rows.pop().unwrap_or_default())),
            };
            Outgoing { what: What::Statement(text), params, answers }
        })
    }
}
