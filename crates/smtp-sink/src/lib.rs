//! A mail server that delivers nothing: it speaks enough of RFC 5321 for any SMTP client to hand it a message, and gives
//! each message to a function. The demo's inbox and the tests of outgoing mail stand on it.
//!
//! It must not know what a message means (MIME is the reader's business), and it must never listen to the world: [`serve`]
//! refuses a listener that is not on a loopback address, since it takes mail from anyone who can reach it.

mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// One accepted message, as the protocol carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path of `MAIL FROM`, without its angle brackets; empty for a bounce.
    pub from: String,
    /// The forward paths of `RCPT TO`, in order, without their angle brackets.
    pub to: Vec<String>,
    /// Headers and body with CRLF line ends; dots unstuffed, the closing dot left out.
    pub data: Vec<u8>,
}

/// What one client may cost the sink.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Greatest size of a message, in bytes; announced with `SIZE` (RFC 1870) and enforced on the data itself.
    pub message_bytes: usize,
    /// Greatest number of recipients of a message. RFC 5321, section 4.5.3.1.8, asks for at least 100.
    pub recipients: usize,
    /// Greatest length of a command line, in bytes. RFC 5321, section 4.5.3.1.4, asks for at least 512.
    pub command_bytes: usize,
    /// A client that is silent for this long is hung up on.
    pub idle: Duration,
    /// Greatest number of connections at once; a further client waits for its greeting.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1024 * 1024,
            recipients: 100,
            command_bytes: 2048,
            idle: Duration::from_mins(5),
            connections: 64,
        }
    }
}

/// Accepts mail until the future is dropped, which also ends every open session; each message goes to `deliver` before
/// the client hears that it was accepted.
///
/// # Errors
/// `InvalidInput` when `listener` is not on a loopback address; otherwise never returns by itself: a failed `accept` (too
/// many open files, an aborted handshake) is waited out.
pub async fn serve<F>(listener: TcpListener, limits: Limits, deliver: F) -> io::Result<()>
where
    F: Fn(Envelope) + Send + Sync + 'static,
{
    refuse_the_world(listener.local_addr()?)?;
    let deliver = Arc::new(deliver);
    let slots = Arc::new(Semaphore::new(limits.connections));
    // Owned here, so that dropping this future ends the sessions too.
    let mut sessions = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return Ok(());
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let deliver = Arc::clone(&deliver);
        sessions.spawn(async move {
            // A client that breaks off is no news to a sink.
            let _ = session::run(stream, limits, &*deliver).await;
            drop(slot);
        });
        while sessions.try_join_next().is_some() {}
    }
}

fn refuse_the_world(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let message = format!("the mail sink takes mail from anyone, so it listens on loopback only, not on {address}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests;
