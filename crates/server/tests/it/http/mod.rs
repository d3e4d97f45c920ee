//! The API, one file an endpoint.

mod consume;
