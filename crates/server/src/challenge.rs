//! The hosted challenge page. It knows what the person in front of it has to be told and asked; what a challenge *is*, and
//! when it is passed, is the engine's business.

pub mod devices;
pub mod report;
pub mod show;
pub mod steps;
pub mod view;
pub mod visit;

use axum::{
    Router,
    routing::{get, post},
};

use crate::context::Ctx;

/// The routes.
pub fn routes() -> Router<Ctx> {
    Router::new()
        .route("/", get(show::at_root))
        .route("/challenge/{id}", get(show::get))
        .route("/challenge/{id}/appearance.css", get(show::style))
        .route("/challenge/{id}/send", post(steps::send))
        .route("/challenge/{id}/verify", post(steps::verify))
        .route("/challenge/{id}/phone", post(steps::phone))
        .route("/challenge/{id}/devices", post(devices::post))
        .route("/challenge/{id}/skip", post(steps::skip))
        .route("/challenge/{id}/report", get(report::get).post(report::post))
}
