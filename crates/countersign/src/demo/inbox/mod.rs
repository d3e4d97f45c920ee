//! The demo's inbox: where the demo's mail and text messages arrive, and a page to read them on.
//!
//! It receives as the world does, mail over SMTP and SMS through the signed hook, so that nothing in the demo is feigned.
//! It must not know the server that sends, nor keep anything beyond its life: messages are in memory, the newest 500.

mod mailbox;
mod message;
mod page;
mod web;

use std::io;
use std::sync::Arc;

use countersign_server::webhook_signature::SigningKey;
use countersign_smtp_sink as smtp_sink;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use mailbox::Mailbox;

/// Tells the time, in milliseconds since the Unix epoch.
pub type Clock = fn() -> i64;

/// A running inbox. Dropping it stops it at once; [`Inbox::shutdown`] lets answers under way finish.
pub struct Inbox {
    stop: watch::Sender<()>,
    tasks: JoinSet<io::Result<()>>,
}

impl Inbox {
    /// Starts receiving on both listeners, which must be bound to loopback addresses. `POST /sms` takes only what is
    /// signed with `hook_key`.
    ///
    /// # Errors
    /// `InvalidInput` when a listener is not on a loopback address: the inbox takes mail from anyone and shows it to anyone.
    pub fn start(http: TcpListener, smtp: TcpListener, hook_key: SigningKey, clock: Clock) -> io::Result<Self> {
        for listener in [&http, &smtp] {
            let address = listener.local_addr()?;
            if !address.ip().is_loopback() {
                let message = format!("the inbox has no lock, so it listens on loopback only, not on {address}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        let mailbox = Arc::new(Mailbox::default());
        let (stop, mut stopped) = watch::channel(());
        let router = web::router(web::Shared { mailbox: Arc::clone(&mailbox), hook_key, clock });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stopped = async move {
                // Either way of ending, a word or the sender's end, is the same news.
                let _ = stopped.changed().await;
            };
            axum::serve(http, router).with_graceful_shutdown(stopped).await
        });
        tasks.spawn(smtp_sink::serve(smtp, smtp_sink::Limits::default(), move |envelope| {
            mailbox.add(message::from_mail(&envelope, clock()));
        }));
        Ok(Self { stop, tasks })
    }

    /// Takes no new connections, lets answers under way finish, and returns.
    pub async fn shutdown(mut self) {
        drop(self.stop);
        // The web side ends by itself; the mail side only ever ends by being stopped.
        let _ = self.tasks.join_next().await;
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests;
