//! What the site's server calls, with its secret.

pub mod challenges;
pub mod consume;
pub mod conversions;
pub mod evaluations;
pub mod feedback;
pub mod users;
