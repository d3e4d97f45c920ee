//! The policy language: a tree of conditions, written as JSON or as text, checked when saved, compiled once a revision.
//!
//! Policies are asked from the highest priority to the lowest. Every effect that matches is applied and evaluation goes
//! on; the first verdict that matches wins and ends it; nothing matched means `allow`. Nothing here knows where values
//! come from: whoever runs a [`PolicySet`] fills its operands.

mod compile;
mod document;
pub mod syntax;
mod test;
mod trace;
mod tree;
mod type_check;

pub use compile::{Matched, Operand, Outcome, PolicySet};
pub use document::{Mode, Policy, Then};
pub use trace::{ConditionTrace, PolicyTrace, TraceParts, Truth};
pub use tree::{Comparison, Condition, Literal, MAX_COMPARISONS, MAX_CONTENT, MAX_DEPTH, Op, TreeError};
pub use type_check::{Names, Problem, check};
