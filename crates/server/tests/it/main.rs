//! What the server shows and sends, from outside.

mod messages;
mod pages;
mod samples;
mod texts;
