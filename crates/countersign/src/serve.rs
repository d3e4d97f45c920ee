//! `countersign serve`: the server, until it is told to stop.

use countersign_server::{
    Server,
    config::{Config, LogFormat},
    context::{Clock, Rng},
    telemetry,
};
use tokio::{net::TcpListener, sync::oneshot};
use tracing_subscriber::EnvFilter;

use crate::cli::{ConfigSource, Failure, ServeOptions};

/// Runs the server.
pub async fn run(source: &ConfigSource, options: &ServeOptions) -> Result<(), Failure> {
    let config = source.load()?;
    log(&config).map_err(Failure::Wrong)?;
    telemetry::metrics();
    let address = config.listen;
    let server = Server::open(config, Clock::System, Rng::System).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| format!("can't listen on {address}: {error}"))?;
    tracing::info!(%address, "serving");
    server.serve(listener, told_to_end(options.until_stdin_closes)).await.map_err(Failure::accident)
}

/// Resolves when the process is asked to end, or, where it is to end `with_stdin`, whoever started it is gone.
pub async fn told_to_end(with_stdin: bool) {
    if with_stdin {
        tokio::select! {
            () = stopped() => {}
            () = stdin_closed() => {}
        }
    } else {
        stopped().await;
    }
}

/// Log lines go to standard error: standard output is for answers.
pub fn log(config: &Config) -> Result<(), String> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(config)?).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// The resolver names the domains that it asks for: they are people's.
const SILENT: &str = "hickory_resolver=off,hickory_net=off,hickory_proto=off";

/// Which lines are logged.
pub fn filter(config: &Config) -> Result<EnvFilter, String> {
    EnvFilter::try_new(format!("{},{SILENT}", config.log.level)).map_err(|error| format!("log.level: {error}"))
}

/// Resolves when nobody can write to standard input any more: whoever held the other end is gone, however that came.
async fn stdin_closed() {
    let (closed, ended) = oneshot::channel();
    // A thread of its own, which nobody joins: reading can't be called off, and must not hold the process back.
    std::thread::spawn(move || {
        // An error is an end, too.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = ended.await;
}

/// Resolves when the process is asked to end: by Ctrl-C or a TERM signal.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminated) = terminated {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system's own behaviour stays: the process ends at once.
    let _ = interrupted.await;
}
