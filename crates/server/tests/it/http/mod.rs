//! The API, one file an endpoint.

mod challenges;
mod consume;
mod devices;
mod evaluate;
mod feedback;
mod users;
