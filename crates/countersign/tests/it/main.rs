//! The binary and the house around it, from outside.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails the test that calls it")]

mod apply;
mod crash;
mod demo;
mod generated;
mod moving;
mod nodes;
mod keys;
mod tidy;
mod webhooks;
