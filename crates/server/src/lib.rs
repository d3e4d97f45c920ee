//! Talks: the API, the challenge pages, mail and SMS.
//!
//! [`Server::start`] turns settings and a store into a router and the work beside it. Requests become operations of the
//! store, answers become JSON or pages; what is decided, and what is remembered, is none of this crate's business.

pub mod api;
pub mod challenge;
pub mod config;
pub mod context;
pub mod courier;
pub mod courier_job;
mod delivery_report;
pub mod enrich;
mod health;
pub mod message;
pub mod outbound;
pub mod page;
pub mod presence_job;
pub mod projects;
pub mod retention_job;
pub mod secret;
mod static_files;
pub mod streams;
pub mod telemetry;
pub mod texts;
pub mod tls;
pub mod webhook;
pub mod webhook_job;
pub mod webhook_signature;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
    serve::{Listener, ListenerExt},
};
use countersign_store::{OpenError, PostgresOptions, SqliteOptions, Store, StoreError};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, timeout::TimeoutLayer};

use api::problem::{self, Problem};
use config::{Config, ConfigError, Database};
use context::{Clock, Ctx, Inner, Rng};
use courier::Courier;
use enrich::{
    data::{DataError, DataSets},
    mail_domain::MailDomains,
};
use outbound::Outbound;
use projects::Projects;
use secrecy::ExposeSecret;
use secret::{KeyError, ServerKey};
use streams::Streams;
use texts::{Texts, TextsError};
use tls::{Certificate, CertificateError, TlsListener};

/// Bytes of a body at most (spec section 3.1).
const BODY_LIMIT: usize = 65_536;

/// How long any request may take: longer than the slowest commit, shorter than a caller's patience.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);

/// How often it is looked whether configuration changed elsewhere.
const REFRESH: Duration = Duration::from_millis(500);

/// Why the server can't start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A setting of mail or SMS is wrong.
    #[error("{0}")]
    Courier(#[from] courier::ConfigError),
    /// There is no server key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The database can't be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The database can't be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A data set can't be read.
    #[error("{0}")]
    Data(#[from] DataError),
    /// The certificate can't be used.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// The client that tells endpoints of events can't be made.
    #[error("{0}")]
    Outbound(#[from] outbound::SetUpError),
    /// The texts are broken: a fault of ours.
    #[error("{0}")]
    Texts(#[from] TextsError),
}

/// A server, ready to be given a listener.
#[derive(Debug)]
pub struct Server {
    ctx: Ctx,
    courier: Arc<Courier>,
    webhooks: Outbound,
    certificate: Option<Arc<Certificate>>,
}

impl Server {
    /// Opens the store and prepares everything else.
    pub async fn open(config: Config, clock: Clock, rng: Rng) -> Result<Self, StartError> {
        let store = open_store(&config).await?;
        Self::with_store(config, store, clock, rng).await
    }

    /// Prepares everything around an open store.
    pub async fn with_store(config: Config, store: Store, clock: Clock, rng: Rng) -> Result<Self, StartError> {
        let courier = Arc::new(Courier::from_config(&config.courier())?);
        if config.server_key().is_none() && matches!(store, Store::Postgres(_)) {
            tracing::warn!(
                "`server_key` is not set: this node uses the key in its own data folder, which no other has"
            );
        }
        let key = match config.server_key() {
            Some(text) => ServerKey::parse(text)?,
            None => ServerKey::load_or_create(&config.server_key_file(), &rng)?,
        };
        let certificate = Certificate::open(&config.tls, &config.data_dir)?.map(Arc::new);
        let data = DataSets::open(&config.data, &config.data_dir)?;
        let mail_domains = MailDomains::open(&config.mail_domains, clock.clone())?;
        let projects = Projects::default();
        projects.refresh(&store).await?;
        if let Err(error) = store.tend(clock.now(), None).await {
            tracing::warn!(%error, "the partitions of the evaluations can't be made; it is tried again in an hour");
        }
        let webhooks = webhook::outbound(config.webhooks)?;
        let streams = Streams::new(config.events);
        let ctx = Ctx::new(Inner {
            config,
            store,
            data,
            mail_domains,
            projects,
            key,
            clock,
            rng,
            texts: Texts::load()?,
            streams,
            message_written: tokio::sync::Notify::new(),
            events_due: tokio::sync::Notify::new(),
            draining: std::sync::atomic::AtomicBool::new(false),
        });
        Ok(Self { ctx, courier, webhooks, certificate })
    }

    /// What handlers reach.
    pub const fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Everything that is answered.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .merge(api::routes())
            .merge(challenge::routes())
            .merge(health::routes())
            .route(delivery_report::ROUTE, axum::routing::post(delivery_report::post))
            .route("/assets/{name}", get(static_files::asset))
            .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
            .route("/js/v3/client.js", get(static_files::sdk_classic))
            .route("/js/v3/client.mjs", get(static_files::sdk_module))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed);
        routes
            .layer(CompressionLayer::new())
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(middleware::map_response(as_problem))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_LIMIT))
            .layer(CatchPanicLayer::custom(|_| Problem::new(&problem::INTERNAL).into_response()))
            .layer(middleware::from_fn_with_state(self.ctx.clone(), telemetry::observe))
            .with_state(self.ctx.clone())
    }

    /// Serves until `stop` resolves; then finishes what is under way and closes the store. TLS ends here where there is a
    /// certificate.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        match self.certificate.clone() {
            Some(certificate) => self.serve_on(TlsListener::new(listener, certificate), stop).await,
            None => self.serve_on(listener, stop).await,
        }
    }

    async fn serve_on<L: Listener<Addr = SocketAddr>>(
        self,
        listener: L,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let (tell, told) = watch::channel(false);
        let mut work = JoinSet::new();
        work.spawn(courier_job::run(self.ctx.clone(), Arc::clone(&self.courier), told.clone()));
        work.spawn(webhook_job::run(self.ctx.clone(), self.webhooks.clone(), told.clone()));
        work.spawn(presence_job::run(self.ctx.clone(), told.clone()));
        work.spawn(refresh(self.ctx.clone(), told.clone()));
        work.spawn(retention_job::run(self.ctx.clone(), told.clone()));
        work.spawn(refresh_data(self.ctx.clone(), told.clone()));
        if let Some(certificate) = &self.certificate {
            let pause = Duration::from_secs(self.ctx.config.tls.check_seconds);
            work.spawn(tls::keep(Arc::clone(certificate), pause, told.clone()));
        }
        // Whatever the listener, a connection tells who is at its other end: only through `tap_io` it does so for all of them.
        let listener = listener.tap_io(|_| {});
        let app = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let ctx = self.ctx.clone();
        let grace = Duration::from_secs(self.ctx.config.shutdown_seconds);
        let (told_to_stop, was_told) = tokio::sync::oneshot::channel();
        let stopping = async move {
            stop.await;
            ctx.draining.store(true, std::sync::atomic::Ordering::SeqCst);
            // They would be under way for as long as they may.
            ctx.streams.close();
            // Whoever waits for it may have gone: then there is nobody to hurry.
            let _ = told_to_stop.send(());
        };
        let serving = axum::serve(listener, app).with_graceful_shutdown(stopping);
        let served = tokio::select! {
            served = async { serving.await } => served,
            () = async { let _ = was_told.await; tokio::time::sleep(grace).await } => Ok(()),
        };
        // Nobody listens if both tasks ended by themselves.
        let _ = tell.send(true);
        while work.join_next().await.is_some() {}
        self.ctx.store.clone().close().await;
        served
    }
}

/// Opens the store that the settings name.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    Ok(match config.database()? {
        Database::Sqlite(file) => Store::open(&file, SqliteOptions::default())?,
        Database::Postgres(url) => Store::connect(url.expose_secret(), PostgresOptions::default()).await?,
    })
}

/// Notices configuration that was changed elsewhere: when it is told, and now and then, since telling may fail.
async fn refresh(ctx: Ctx, mut stop: watch::Receiver<bool>) {
    let mut announcements = ctx.store.announcements();
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            Ok(()) = announcements.changed() => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = ctx.projects.refresh(&ctx.store).await {
            tracing::error!(%error, "the configuration can't be read");
        }
    }
}

/// Notices data sets that were replaced, and says which can't be used.
async fn refresh_data(ctx: Ctx, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_secs(ctx.config.data.check_seconds);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => return,
        }
        let there = ctx.clone();
        // Large files are read and checked: a thread that answers requests has better to do.
        let Ok((taken, refused)) = tokio::task::spawn_blocking(move || there.data.refresh()).await else { continue };
        for source in taken {
            tracing::info!(source = source.name(), "a data set was replaced");
        }
        for error in refused {
            tracing::error!(%error, "a data set can't be used; the one before it stays in use");
        }
    }
}

async fn not_found() -> Problem {
    Problem::new(&problem::NOT_FOUND)
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(&problem::METHOD_NOT_ALLOWED).detail(format!("`{method}` is not possible here"))
}

/// What the framework refuses by itself leaves in our form too.
async fn as_problem(response: Response) -> Response {
    let ours = |name: &str| {
        response.headers().get("content-type").is_some_and(|value| value.as_bytes().starts_with(name.as_bytes()))
    };
    let kind = match response.status() {
        _ if ours("application/") || ours("text/html") => return response,
        StatusCode::PAYLOAD_TOO_LARGE => &problem::BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            &problem::INVALID_FORM
        }
        StatusCode::INTERNAL_SERVER_ERROR => &problem::INTERNAL,
        _ => return response,
    };
    Problem::new(kind).into_response()
}
