//! The policy language: a tree of conditions, written as JSON or as text, checked when saved, compiled once a revision.
//!
//! A condition compares fields with values and joins comparisons by `all`, `any` and `not`. Truth has three values: of
//! what isn't known nothing holds, in neither direction, and the negation of what is unknown is unknown; `exists` alone
//! asks what is known. Policies are asked from the highest priority to the lowest. Every effect that matches is applied
//! and evaluation goes on; the first verdict that matches wins and ends it; nothing matched means `allow`.
//!
//! ```text
//! text ⇄ tree ⇄ JSON        syntax, tree         one tree, two spellings
//!         │ check            type_check           everything that is wrong, each with its place
//!         ▼ compile          compile, program     operands get slots, conditions become steps
//!         │                  claim, code          comparisons become bits, and groups masks over them
//!     PolicySet ─ run ──▶ Outcome                 on the hot path
//!               └ trace ─▶ what every part saw    for people who ask why
//! ```
//!
//! Nothing here knows where values come from: whoever runs a [`PolicySet`] fills its operands.

pub mod analyse;
mod budget;
mod claim;
mod code;
mod compile;
mod document;
mod flip;
mod program;
pub mod syntax;
mod test;
mod trace;
mod tree;
mod type_check;

pub use budget::{Budget, LEAST_ASKED, Spent, Window};
pub use compile::{DistinctPairs, Matched, Operand, Outcome, PolicySet};
pub use document::{Mode, Policy, Then};
pub use flip::{Change, Flip};
pub(crate) use trace::shown;
pub use trace::{ConditionTrace, PolicyTrace, TraceParts, Truth};
pub use tree::{Comparison, Condition, Literal, MAX_COMPARISONS, MAX_CONTENT, MAX_DEPTH, Op, TreeError};
pub use type_check::{Names, Problem, check};
