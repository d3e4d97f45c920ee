//! What the server renders: pages, messages, and the texts behind them. Nothing runs here but the rendering.

mod messages;
mod pages;
mod samples;
mod texts;
