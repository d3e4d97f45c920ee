//! The URL table of the API, grouped by who calls.

pub mod auth;
pub mod body;
pub mod client;
pub mod field;
pub mod problem;
pub mod server;
pub mod shape;
pub mod signals;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::context::Ctx;
use problem::Problem;

/// The OpenAPI document, generated from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(title = "Countersign", description = "Account protection on your own machines.", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    paths(
        client::evaluate::post,
        client::devices::detach,
        client::events::get,
        server::evaluations::get,
        server::consume::post,
        server::feedback::post,
        server::challenges::get,
        server::conversions::get,
        server::users::devices,
        server::users::update,
    ),
    modifiers(&Secret),
    tags(
        (name = "client", description = "Called by the browser SDK, with a client id"),
        (name = "server", description = "Called by the site's server, with its secret"),
    ),
)]
pub struct Document;

struct Secret;

impl Modify for Secret {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API secret: `sk_…`")).build();
        document.components.get_or_insert_default().add_security_scheme("secret", SecurityScheme::Http(scheme));
    }
}

/// The routes.
pub fn routes() -> Router<Ctx> {
    Router::new()
        // Called by the client SDK.
        .route("/v3/evaluations", post(client::evaluate::post).options(client::preflight))
        .route("/v3/devices/events", get(client::events::get))
        .route("/v3/devices/detach", post(client::devices::detach).options(client::preflight))
        // Called by the site's server.
        .route("/v3/evaluations/{id}", get(server::evaluations::get))
        .route("/v3/evaluations/{id}/consume", post(server::consume::post))
        .route("/v3/evaluations/{id}/feedback", post(server::feedback::post))
        .route("/v3/challenges/{id}", get(server::challenges::get))
        .route("/v3/conversions", get(server::conversions::get))
        .route("/v3/user/{id}/devices", get(server::users::devices))
        .route("/v3/user/{id}/update", post(server::users::update))
        // For people and tools.
        .route("/v3/openapi.json", get(openapi))
        .route("/docs/problems", get(problems))
}

async fn openapi() -> Response {
    axum::Json(Document::openapi()).into_response()
}

async fn problems(State(_ctx): State<Ctx>) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"))];
    (headers, problem::documentation()).into_response()
}

/// The id in a path.
pub fn parse_id<T: std::str::FromStr<Err = countersign_engine::id::InvalidId>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(&problem::INVALID_ID).detail(format!("{error}")))
}
