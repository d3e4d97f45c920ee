//! Between a node and PostgreSQL: a line that counts round trips, and can be cut right after the server has answered.
//!
//! It holds every answer until both ends have been silent for a moment. So all that a node sends without waiting for an
//! answer goes in one trip however the machine is loaded, and what it sends only after an answer is the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How long both ends are silent before an answer is let through.
const SILENCE: Duration = Duration::from_millis(120);

/// The line.
pub struct Wire {
    port: u16,
    trips: Arc<AtomicUsize>,
    /// Trips until an answer is lost together with its connection; below nought, none is.
    cut_in: Arc<AtomicI64>,
    /// Ends with it.
    _accepting: JoinSet<()>,
}

impl Wire {
    /// A line to the server on that port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (trips, cut_in) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicI64::new(-1)));
        let (all_trips, all_cuts) = (Arc::clone(&trips), Arc::clone(&cut_in));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut carrying = JoinSet::new();
            while let Ok((node, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                carrying.spawn(carry(node, server, Arc::clone(&all_trips), Arc::clone(&all_cuts)));
            }
        });
        Self { port, trips, cut_in, _accepting: accepting }
    }

    /// The URL of a database, over the line.
    pub fn url(&self, url: &str) -> String {
        let (host, path) = url.rsplit_once('/').unwrap();
        let (host, _) = host.rsplit_once(':').unwrap();
        format!("{host}:{}/{path}", self.port)
    }

    /// How many trips `doing` takes, and what comes of it.
    pub async fn trips_of<T>(&self, doing: impl Future<Output = T>) -> (usize, T) {
        let before = self.trips.load(Ordering::SeqCst);
        let done = doing.await;
        (self.trips.load(Ordering::SeqCst) - before, done)
    }

    /// Cuts the line that carries the answer of the trip after `trips` more.
    pub fn cut_after(&self, trips: i64) {
        self.cut_in.store(trips, Ordering::SeqCst);
    }
}

async fn carry(mut node: TcpStream, mut server: TcpStream, trips: Arc<AtomicUsize>, cut_in: Arc<AtomicI64>) {
    let (mut from_node, mut held) = (Vec::new(), Vec::new());
    let mut until = Instant::now();
    // The connection that listens for announcements is none that operations run on.
    let mut listens = false;
    loop {
        tokio::select! {
            read = node.read_buf(&mut from_node) => match read {
                Ok(1..) => {
                    listens |= from_node.windows(6).any(|window| window == b"LISTEN");
                    server.write_all(&from_node).await.unwrap();
                    from_node.clear();
                    until = Instant::now() + SILENCE;
                }
                _ => return,
            },
            read = server.read_buf(&mut held) => match read {
                Ok(1..) => until = Instant::now() + SILENCE,
                _ => return,
            },
            () = sleep_until(until), if !held.is_empty() => {
                if !listens {
                    trips.fetch_add(1, Ordering::SeqCst);
                    if cut_in.fetch_sub(1, Ordering::SeqCst) == 0 {
                        return;
                    }
                }
                if node.write_all(&held).await.is_err() {
                    return;
                }
                held.clear();
            }
        }
    }
}
