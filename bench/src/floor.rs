//! The floors: what this machine can do at the very most with a request like ours.
//!
//! (a) reads the same JSON into the same types and answers. (b) does that and commits what no durable evaluation can
//! do without: its own row and six counters. Both speak just enough of the product's API for the driver to treat all
//! alike; they decide nothing, check no caller and forget nothing else.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use clap::Args;
use tokio::net::TcpListener;

use crate::error::BenchError;

mod body;
mod postgres;
mod writer;

pub use self::body::Evaluation;
use self::writer::{Answered, Writer};

/// How the first floor is served.
#[derive(Debug, Args)]
pub struct ParseOptions {
    /// Where to listen; port 0 takes a free one. The first line on stdout says where.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// How the second floor is served.
#[derive(Debug, Args)]
pub struct CommitOptions {
    /// Where to listen; port 0 takes a free one. The first line on stdout says where.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// An existing directory for the database.
    #[arg(long)]
    data: PathBuf,
    /// A PostgreSQL database to use instead.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// Serves floor (a) until the process is ended.
pub async fn serve_parse(options: ParseOptions) -> Result<(), BenchError> {
    let numbers = Arc::new(AtomicU64::new(0));
    let router = Router::new().route("/v3/evaluations", post(parse)).with_state(numbers);
    serve(options.listen, router).await
}

/// Serves floor (b) until the process is ended.
pub async fn serve_commit(options: &CommitOptions) -> Result<(), BenchError> {
    let writer = match &options.database {
        Some(url) => postgres::open(url).await?,
        None => Writer::open(&options.data.join("floor.db"))?,
    };
    let router = Router::new()
        .route("/v3/evaluations", post(commit))
        .route("/v3/evaluations/{id}/consume", post(consume))
        .with_state(writer);
    serve(options.listen, router).await
}

async fn serve(listen: SocketAddr, router: Router) -> Result<(), BenchError> {
    let listener = TcpListener::bind(listen).await?;
    println!("{}", serde_json::json!({ "base_url": format!("http://{}", listener.local_addr()?) }));
    let router = router.route("/health/ready", get(StatusCode::OK));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn parse(State(numbers): State<Arc<AtomicU64>>, bytes: Bytes) -> Response {
    match serde_json::from_slice::<Evaluation>(&bytes) {
        Ok(_) => created(numbers.fetch_add(1, Ordering::Relaxed)),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn commit(State(writer): State<Writer>, bytes: Bytes) -> Response {
    match serde_json::from_slice::<Evaluation>(&bytes) {
        Ok(evaluation) => answer(writer.evaluate(&evaluation).await),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn consume(State(writer): State<Writer>, Path(id): Path<String>) -> Response {
    match id.strip_prefix("evl_").and_then(|number| u64::from_str_radix(number, 16).ok()) {
        Some(number) => answer(writer.consume(number).await),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(answered: Option<Answered>) -> Response {
    match answered {
        Some(Answered::Evaluated(number)) => created(number),
        Some(Answered::Consumed) => ([(CONTENT_TYPE, "application/json")], r#"{"consumed":true}"#).into_response(),
        Some(Answered::AlreadyConsumed) => StatusCode::CONFLICT.into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn created(number: u64) -> Response {
    let json = format!(r#"{{"evaluation_id":"evl_{number:026x}","device_token":"{number:064x}"}}"#);
    (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], json).into_response()
}
