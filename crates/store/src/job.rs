//! An operation that waits for its turn, with the place that its answer goes to. Knows no database.

use tokio::sync::oneshot;

use crate::{Operation, StoreError, tx::Faults};

/// An operation, the answer that it has once it ran, and who waits for it.
pub(crate) struct Waiting<O: Operation> {
    pub(crate) op: O,
    pub(crate) kept: Option<O::Out>,
    answer: oneshot::Sender<Result<O::Out, StoreError>>,
}

impl<O: Operation> Waiting<O> {
    /// An operation that waits, and where its answer arrives.
    pub(crate) fn new(op: O) -> (Self, oneshot::Receiver<Result<O::Out, StoreError>>) {
        let (answer, arrives) = oneshot::channel();
        (Self { op, kept: None, answer }, arrives)
    }
}

/// What can be done with any operation that waits, whatever its types.
pub(crate) trait Answer: Send {
    /// Tells the answer that was kept.
    fn tell(self: Box<Self>);
    /// Tells an error instead.
    fn fail(self: Box<Self>, error: StoreError);
    /// Whether anybody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Whether the answer is known.
    fn has_answer(&self) -> bool;
}

impl<O: Operation> Answer for Waiting<O> {
    fn tell(self: Box<Self>) {
        let answer = self.kept.ok_or_else(|| StoreError::Failed(Faults("it has no answer".to_owned())));
        // Nobody waits any more: what was done stands all the same.
        let _ = self.answer.send(answer);
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(error));
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn has_answer(&self) -> bool {
        self.kept.is_some()
    }
}
