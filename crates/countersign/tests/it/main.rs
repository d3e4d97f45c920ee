//! The binary, as people run it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test that calls it")]

mod crash;
