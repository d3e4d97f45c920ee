//! What the client SDK calls, with a client id.

pub mod evaluate;
