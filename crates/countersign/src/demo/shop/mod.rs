//! The demo's shop: a small magazine whose sign-up, log-in and paid article are protected by Countersign.
//!
//! It is written as an integrating developer would write it, on an origin of its own: the browser side uses nothing but
//! the browser SDK, the server side nothing but the public HTTP API and its secret. It must not know the engine, the
//! store or the server; whatever it needs and the public API lacks is a fault of the API.
//!
//! It is a demo in one respect only: accounts and sessions live in bounded memory, and passwords are salted SHA-256
//! where a real site would use a slow password hash such as Argon2.

mod account;
mod api;
mod article;
mod assets;
mod check;
mod log_in;
mod page;
mod request;
mod session;
mod sign_up;
mod trail;
mod verify;

#[cfg(test)]
mod tests;

use std::{future::IntoFuture, io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use url::Url;

use self::{account::Accounts, api::Api, session::Sessions};

/// The largest form the shop reads, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// How long open requests may take to finish once the shop is told to stop; longer than a call to the API may take.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// What the shop is told about the world.
#[derive(Clone, Debug)]
pub struct ShopConfig {
    /// Where Countersign listens, as browser and server both see it. The only place the shop ever redirects to.
    pub base_url: Url,
    /// The public client id (`pk_…`), handed to the browser.
    pub client_id: String,
    /// The API secret (`sk_…`), which stays on this side.
    pub api_secret: SecretString,
    /// Where the demo shows the mail and SMS that were sent.
    pub inbox_url: Url,
    /// The time, in milliseconds since the Unix epoch.
    pub now: fn() -> i64,
}

/// The shop could not start.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The HTTP client towards the API could not be built.
    #[error("the shop's HTTP client can't be built: {0}")]
    Client(#[from] reqwest::Error),
    /// The listener has no address.
    #[error("the shop's listener is unusable: {0}")]
    Listener(#[from] io::Error),
}

/// The shop.
pub struct Shop {
    config: ShopConfig,
    api: Api,
    accounts: Accounts,
    sessions: Sessions,
}

/// A running shop; dropping it stops the shop too, without waiting.
#[derive(Debug)]
pub struct ShopHandle {
    #[cfg(test)]
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Shop {
    /// Serves the shop on `listener` until the handle is stopped.
    pub fn start(listener: TcpListener, config: ShopConfig) -> Result<ShopHandle, ShopError> {
        #[cfg(test)]
        let address = listener.local_addr()?;
        let api = Api::new(config.base_url.clone(), config.api_secret.clone())?;
        let shop = Arc::new(Self { api, accounts: Accounts::default(), sessions: Sessions::new(config.now), config });
        let (sender, told_to_stop) = oneshot::channel::<()>();
        let served = axum::serve(listener, router(shop)).with_graceful_shutdown(async move {
            // An error means that the handle was dropped: a stop as well.
            told_to_stop.await.ok();
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "the shop is a site of its own: no runner of the server's may own it"
        )]
        let task = tokio::spawn(served.into_future());
        Ok(ShopHandle {
            #[cfg(test)]
            address,
            stop: sender,
            task,
        })
    }
}

impl ShopHandle {
    /// The address the shop listens on.
    #[cfg(test)]
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Takes no new connection, lets open requests finish (15 seconds at most), and returns.
    pub async fn stop(self) {
        let Self { stop, mut task, .. } = self;
        stop.send(()).ok();
        if tokio::time::timeout(STOP_WITHIN, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// The shop's URL table.
fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/", get(page::home))
        .route("/signup", get(sign_up::form).post(sign_up::submit))
        .route("/login", get(log_in::form).post(log_in::submit))
        .route("/login/password", post(log_in::password))
        .route("/verified", get(verify::landing))
        .route("/verify-challenge", post(verify::submit))
        .route("/result", get(verify::result))
        .route("/article", get(article::read).post(article::submit))
        .route("/logout", post(log_in::out))
        .route("/assets/{name}", get(assets::serve))
        .fallback(page::not_found)
        .layer(middleware::from_fn(request::same_origin_posts))
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), page::headers))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shop)
}
