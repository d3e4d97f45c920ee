//! Decides, and does nothing else.
//!
//! Everything here is a pure function of its arguments: no clock, no randomness, no I/O, no threads (`no_std` holds
//! that). The caller brings the moment, the ids and what was remembered; the engine answers what follows from them. The
//! modules stand in the order in which they may use each other: each uses only those named after it.

#![no_std]
extern crate alloc;

pub mod decide;
pub mod retrace;
pub mod config;
pub mod risk;
pub mod policy;
pub mod event;
pub mod evaluation;
pub mod consume;
pub mod conversion;
pub mod challenge;
pub mod check;
pub mod field;
pub mod history;
pub mod profile;
pub mod usage;
pub mod signal;
pub mod list;
pub mod environment;
pub mod fact;
pub mod window;
pub mod seen;
mod bytes;
pub mod text;
pub mod id;
pub mod time;
