//! From bytes and headers to the engine's values: address, place, agent, fingerprint, e-mail and phone facts. Look-ups
//! in memory only, but for mail domains; what is missing stays unknown.

pub mod address;
pub mod agent;
pub mod background;
pub mod consistency;
pub mod data;
pub mod fingerprint;
pub mod mail_domain;
pub mod phone;
pub mod place;
