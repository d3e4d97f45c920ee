//! Figures of who came from a shared account and signed up.

use std::collections::BTreeMap;

use countersign_engine::{id::ProjectId, time::Timestamp};

use crate::{Operation, StoreError, Tx, row};

/// Counts them by the day.
#[derive(Clone, Copy, Debug)]
pub struct Conversions {
    /// The caller's project.
    pub project: ProjectId,
    /// The first moment that counts.
    pub from: Timestamp,
    /// The first that doesn't any more.
    pub to: Timestamp,
}

/// What happened on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConversionsOfDay {
    /// Browsers that were shown the page of a shared account, each on the last day on which it was.
    pub shown: u64,
    /// Users who signed up in one of them.
    pub converted: u64,
}

impl Operation for Conversions {
    /// By the day's midnight, UTC; days on which nothing happened are not among them.
    type Out = BTreeMap<Timestamp, ConversionsOfDay>;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let (shown, converted) = row::conversion::by_day(tx, &self.project.to_bytes(), (self.from, self.to)).await?;
        let mut days = BTreeMap::<_, ConversionsOfDay>::new();
        for (day, count) in shown {
            days.entry(day).or_default().shown = count;
        }
        for (day, count) in converted {
            days.entry(day).or_default().converted = count;
        }
        Ok(days)
    }
}
