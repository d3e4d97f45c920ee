//! Talks.

pub mod challenge;
pub mod message;
pub mod page;
pub mod texts;
