//! Hears what other nodes announce.
//!
//! An announcement is a hint: it may be lost with a connection, and behind a pooler that lends connections by the
//! transaction none may come. Whoever waits for one looks by themselves now and then all the same.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, pin_mut, stream};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::AsyncMessage;

use super::{address::Address, fault::Fault};

/// Before another try to connect.
const RETRY: Duration = Duration::from_secs(1);

const LISTEN: &str = "LISTEN countersign";

/// Listens for as long as anybody hears; counts what it was told.
pub(super) async fn run(address: Arc<Address>, patience: Duration, heard: Arc<watch::Sender<u64>>) {
    loop {
        if let Err(fault) = listen(&address, patience, &heard).await {
            tracing::debug!(error = %fault.into_error(), "announcements can't be heard; configuration is looked at all the same");
        }
        sleep(RETRY).await;
    }
}

async fn listen(address: &Address, patience: Duration, heard: &watch::Sender<u64>) -> Result<(), Fault> {
    let late = |_| Fault::Connection("connecting took too long".to_owned());
    let connecting = timeout(patience, address.config.connect(address.tls.clone()));
    let (client, mut connection) = connecting.await.map_err(late)??;
    let messages = stream::poll_fn(move |cx| connection.poll_message(cx));
    let asking = client.batch_execute(LISTEN);
    pin_mut!(messages, asking);
    let mut asked = false;
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => heard.send_modify(|count| *count += 1),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            listening = &mut asking, if !asked => {
                listening?;
                asked = true;
                // What was announced before was not heard.
                heard.send_modify(|count| *count += 1);
            }
        }
    }
}
