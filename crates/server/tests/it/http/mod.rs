//! The API, one file an endpoint.

mod challenges;
mod consume;
mod conversions;
mod devices;
mod evaluate;
mod events;
mod places;
mod feedback;
mod history;
mod rate;
mod risks;
mod trace;
mod users;
