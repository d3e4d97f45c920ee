//! From bytes and headers to the engine's values: address, place, agent, fingerprint, e-mail and phone facts. Look-ups
//! in memory only; what is missing stays unknown.

pub mod address;
pub mod agent;
pub mod background;
pub mod consistency;
pub mod data;
pub mod fingerprint;
pub mod phone;
pub mod place;
