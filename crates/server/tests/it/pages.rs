//! The challenge page over HTTP, as a person with a browser, and as whoever means them harm.

mod binding;
mod codes;
mod devices;
mod ends;
mod flow;
mod limits;
mod report;
