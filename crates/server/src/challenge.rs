//! The hosted challenge page. It knows what the person in front of it has to be told and asked; what a challenge *is*, and
//! when it is passed, is the engine's business.

pub mod view;
