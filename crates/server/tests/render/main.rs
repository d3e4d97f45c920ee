//! What the server renders: pages, messages, and the texts behind them. Nothing runs here but the rendering.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test that calls it")]

mod messages;
mod pages;
mod samples;
mod texts;
