//! The operations: each is one transaction, in one file, with its SQL on top (or in the file of the table's rows where
//! several share it). An operation never draws an id or reads a clock, so it can be run again; a refusal is part of its
//! answer and is committed, an error rolls everything back.

mod challenge;
mod config;
mod consume;
mod conversion;
mod delivery;
mod device;
mod evaluate;
mod evaluation;
mod list;
mod message;
mod presence;
mod retire;
mod user;
mod webhook;

pub use challenge::{
    AttemptCode, ChallengeById, ChallengeDevices, ChallengeStep, CollectPhone, HearDelivery, LogOutDevice,
    OpenChallenge, ReportChallenge, Seats, SendCode, SendRefusal, SkipChallenge, StepOutcome,
};
pub use config::{
    ChangeProject, DocumentChange, DocumentKind, DocumentRow, ProjectRow, ReadDocuments, ReadProjects, Stale,
};
pub use consume::{Consume, ConsumeOutcome};
pub use conversion::{Conversions, ConversionsOfDay};
pub use delivery::{Delivery, DeliveryState, ReadDeliveries, Replay, Waiting};
pub use device::DetachBrowser;
pub use evaluate::{Evaluate, Evaluated, Moment, TooMany};
pub use evaluation::{EvaluationById, Feedback, Found};
pub use list::{Entry, ListChange, ReadListEntries};
pub use message::{ClaimMessages, DueMessage, FinishMessage, MessageOutcome, NewMessage};
pub use presence::{ForgetPresence, KeepPresence, LogoutsSince, Present, Told};
pub use retire::Retire;
pub use user::{UpdateUser, Updated, UserDevices, UserSelector, UserUpdate};
pub use webhook::{ClaimDeliveries, DueDelivery, FinishDelivery, ForgetEvents, HandOutEvents, HandedOut, Outcome};

/// Every statement of the product: so that a test can prepare each on every database.
pub fn statements() -> impl Iterator<Item = &'static crate::Sql> {
    use crate::row;
    [
        config::ALL,
        delivery::ALL,
        list::ALL,
        message::ALL,
        retire::ALL,
        row::challenge::ALL,
        row::conversion::ALL,
        row::device::ALL,
        row::evaluation::ALL,
        row::event::ALL,
        row::presence::ALL,
        row::subject::ALL,
        row::user::ALL,
        webhook::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}
