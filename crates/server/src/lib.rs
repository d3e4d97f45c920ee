//! Talks.
