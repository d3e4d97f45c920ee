//! The demo: everything that a newcomer needs to see a challenge from both sides, and nothing that production would not
//! use: the same server, store, pages and couriers, a shop on another origin, and an inbox that is a real mail server.

mod inbox;
mod seed;
mod shop;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_server::{
    Server,
    config::Config,
    context::{Clock, Rng},
    telemetry,
    webhook_signature::SigningKey,
};
use tokio::net::TcpListener;
use url::Url;

use crate::{
    cli::DemoOptions,
    serve::{log, told_to_end},
};
use inbox::Inbox;
use shop::{Shop, ShopConfig};

/// Where everything listens.
struct Listeners {
    server: TcpListener,
    shop: TcpListener,
    inbox: TcpListener,
    smtp: TcpListener,
}

/// Runs the demo until it is told to stop.
pub async fn run(options: DemoOptions) -> Result<(), String> {
    let data = Data::new(options.data.as_deref())?;
    let listeners = Listeners::bind(options.port).await?;
    let (base_url, shop_url, inbox_url) =
        (url_of(&listeners.server)?, url_of(&listeners.shop)?, url_of(&listeners.inbox)?);
    let smtp_url = format!("smtp://{}", address_of(&listeners.smtp)?);
    let rng = Rng::System;
    let hook_secret = format!("whsec_{}", STANDARD.encode(rng.bytes::<32>()));
    let config = settings(&listeners, &data.path, options.database.as_deref(), &hook_secret)?;
    log(&config)?;
    telemetry::metrics();
    let server = Server::open(config, Clock::System, rng.clone()).await.map_err(|error| error.to_string())?;
    let keys = seed::seed(&server, &shop_url, &data.path, &rng).await?;

    let hook_key = SigningKey::parse(&hook_secret).map_err(|error| error.to_string())?;
    let inbox = Inbox::start(listeners.inbox, listeners.smtp, hook_key, now).map_err(|error| error.to_string())?;
    let parse = |url: &str| Url::parse(url).map_err(|error| error.to_string());
    let shop_config = ShopConfig {
        base_url: parse(&base_url)?,
        client_id: keys.client_id.clone(),
        api_secret: keys.api_secret.clone().into(),
        inbox_url: parse(&inbox_url)?,
        now,
    };
    let shop = Shop::start(listeners.shop, shop_config).map_err(|error| error.to_string())?;
    if options.json {
        let line = serde_json::json!({
            "base_url": base_url, "shop_url": shop_url, "inbox_url": inbox_url,
            "smtp_url": smtp_url, "client_id": keys.client_id, "api_secret": keys.api_secret, "data_dir": data.path,
        });
        println!("{line}");
    } else {
        println!(
            "Countersign is ready.\n\n  shop    {shop_url}   start here\n  inbox   {inbox_url}   mail and SMS arrive here\n  server  {base_url}\n\nCtrl-C ends it."
        );
    }
    let ended = server.serve(listeners.server, told_to_end(options.until_stdin_closes)).await;
    shop.stop().await;
    inbox.shutdown().await;
    ended.map_err(|error| error.to_string())
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    Clock::System.now().millis()
}

/// The demo's folder; a temporary one goes with the demo.
struct Data {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Data {
    fn new(wanted: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = wanted {
            std::fs::create_dir_all(path).map_err(|error| format!("{} can't be made: {error}", path.display()))?;
            return Ok(Self { path: path.to_owned(), _temporary: None });
        }
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
        Ok(Self { path: folder.path().to_owned(), _temporary: Some(folder) })
    }
}

impl Listeners {
    /// The server on `port`, the shop and the inbox on the next two, mail on the one after; all free ones for 0.
    async fn bind(port: u16) -> Result<Self, String> {
        let bind = async |offset: u16| {
            let port = if port == 0 { 0 } else { port.saturating_add(offset) };
            let bound = TcpListener::bind(("127.0.0.1", port)).await;
            bound.map_err(|error| format!("can't listen on port {port}: {error}; choose another with --port"))
        };
        Ok(Self { server: bind(0).await?, shop: bind(1).await?, inbox: bind(2).await?, smtp: bind(3).await? })
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| error.to_string())
}

fn url_of(listener: &TcpListener) -> Result<String, String> {
    Ok(format!("http://{}", address_of(listener)?))
}

/// The demo's settings: what an operator would write, with the inbox as mail server and SMS gateway.
fn settings(listeners: &Listeners, data: &Path, database: Option<&str>, hook_secret: &str) -> Result<Config, String> {
    let (server, smtp, inbox) =
        (address_of(&listeners.server)?, address_of(&listeners.smtp)?, address_of(&listeners.inbox)?);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let database = database.map_or_else(String::new, |url| format!("database = {}\n", quoted(url)));
    let text = format!(
        "listen = \"{server}\"\npublic_url = \"http://{server}\"\ndata_dir = {}\nlog.level = \"warn\"\n\
{database}[mail]\nsmtp = \"smtp://{smtp}\"\nfrom = \"Lamplight <no-reply@lamplight.example>\"\n\
         [sms]\nprovider = \"hook\"\nurl = \"http://{inbox}/sms\"\nsecret = \"{hook_secret}\"\nallow_private_addresses = true\n\
         [webhooks]\nallow_private_addresses = true\n",
        quoted(&data.display().to_string()),
    );
    Config::load(Some(("the demo's settings", &text)), []).map_err(|error| error.to_string())
}
