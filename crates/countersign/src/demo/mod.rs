//! The demo.

pub mod inbox;
