//! The store as its callers live it: on a real file, with real threads, processes and kills.
//!
//! `contract` holds what every database must keep; the other files, what is SQLite's own.

mod contract;
mod crash;
mod operation;
mod opening;
mod processes;
mod sqlite;
