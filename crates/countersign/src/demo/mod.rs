//! The demo: what a newcomer starts first.

pub mod shop;
