//! The server as its callers live it: over real sockets, with a real mail server and a real SMS gateway behind it. Only
//! time and chance are steered.
//!
//! `http/` mirrors the API's URL table; the other files each hold one promise that no single endpoint keeps alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test that calls it"
)]

mod app;
mod data;
mod delivery;
mod fields;
mod http;
mod mail_domains;
mod name_server;
mod openapi;
mod pages;
mod people;
mod races;
mod receivers;
mod refusals;
mod seed;
mod tls;
mod webhooks;
mod wire;
