//! The policy language.
