//! Talks.

pub mod challenge;
pub mod page;
pub mod texts;
