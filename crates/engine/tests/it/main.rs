//! What the engine promises, asked from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on stops where it stands; clippy knows `#[test]` functions only, not their helpers"
)]

mod challenge;
mod check;
mod consume;
mod decide;
mod policy;
mod retrace;
mod risk;
mod sharing;
