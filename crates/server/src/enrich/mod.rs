//! From bytes and headers to the engine's values: address, agent, fingerprint, e-mail facts. Look-ups in memory only;
//! what is missing stays unknown.

pub mod address;
pub mod agent;
pub mod fingerprint;
pub mod webmail;
