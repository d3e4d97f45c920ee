//! Who is there now: browsers that hold their event stream open, and what those are told.

use countersign_engine::{
    id::{BrowserId, ProjectId},
    time::Timestamp,
};
use futures_util::future::try_join_all;

use crate::{Operation, StoreError, Tx, row};

/// A browser that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Which.
    pub browser: BrowserId,
    /// The line that it is seen on: see [`countersign_engine::signal::network_of`].
    pub network: String,
    /// The autonomous system of its address.
    pub asn: Option<u32>,
    /// The last logout that it was told of; 0 for none.
    pub told: i64,
}

/// What a browser is to be told: that it was logged out, and when, in milliseconds.
pub type Told = (BrowserId, i64);

/// Says that browsers are there now: one transaction for many.
#[derive(Clone, Debug)]
pub struct KeepPresence {
    /// The project of all of them.
    pub project: ProjectId,
    /// The browsers, each once, in the order of their ids.
    pub present: Vec<Present>,
    /// Now.
    pub now: Timestamp,
}

impl Operation for KeepPresence {
    /// The logouts that they have missed.
    type Out = Vec<Told>;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<Told>, StoreError> {
        let project = self.project.to_bytes();
        let missed = self.present.iter().map(|one| row::presence::logouts_of(tx, &project, one.browser, one.told));
        let missed = try_join_all(missed).await?;
        for Present { browser, network, asn, .. } in &self.present {
            row::presence::keep(tx, &project, *browser, (network, *asn), self.now);
        }
        let told = self.present.iter().zip(missed);
        Ok(told.flat_map(|(one, missed)| missed.into_iter().map(|at| (one.browser, at))).collect())
    }
}

/// Reads who was logged out of which browser lately.
#[derive(Clone, Copy, Debug)]
pub struct LogoutsSince {
    /// The project.
    pub project: ProjectId,
    /// What was then or before is known.
    pub since: Timestamp,
}

impl Operation for LogoutsSince {
    type Out = Vec<Told>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<Told>, StoreError> {
        row::presence::logouts_since(tx, &self.project.to_bytes(), self.since).await
    }
}

/// Removes what nobody asks for any more: who was there, and logouts that their browsers never came back for.
#[derive(Clone, Copy, Debug)]
pub struct ForgetPresence {
    /// The project.
    pub project: ProjectId,
    /// Who was there before this is not now.
    pub before: Timestamp,
    /// Logouts before this are not told any more.
    pub logouts_before: Timestamp,
}

impl Operation for ForgetPresence {
    /// How many rows.
    type Out = u64;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<u64, StoreError> {
        let project = self.project.to_bytes();
        let gone = row::presence::forget(tx, &project, self.before).await?;
        Ok(gone + row::presence::forget_logouts(tx, &project, self.logouts_before).await?)
    }
}
