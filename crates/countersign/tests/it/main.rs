//! The binary, as people run it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails the test that calls it")]

mod crash;
