//! The store as its callers live it: on a real file, with real threads, processes and kills.
//!
//! `contract` and `product` hold what every database must keep; the other files, what is SQLite's or PostgreSQL's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test that calls it")]

mod budget;
mod contract;
mod crash;
mod devices;
mod full_disk;
mod moving;
mod operation;
mod opening;
mod postgres;
mod processes;
mod product;
mod rate;
mod sqlite;
mod tls;
mod trips;
mod webhooks;
mod wire;
