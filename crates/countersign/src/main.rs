//! The binary.
#[cfg_attr(not(test), expect(dead_code, reason = "the command that starts the demo is wired next"))]
mod demo;

fn main() {}
