//! The demo: everything that a newcomer needs to see a challenge from both sides, and nothing that production would not
//! use: the same server, store, pages and couriers, a shop on another origin and an inbox that is a real mail server.

pub mod inbox;
pub mod shop;
