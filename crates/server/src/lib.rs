//! Talks.

pub mod courier;
pub mod outbound;
pub mod webhook_signature;
