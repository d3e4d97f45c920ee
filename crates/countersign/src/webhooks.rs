//! `countersign webhooks`: which endpoints hear of events, by which secret they know us, what they were told and what not,
//! and telling it again.

use countersign_engine::{
    event::Webhook,
    id::{EventId, ProjectId, WebhookId},
    time::Timestamp,
};
use countersign_server::{StartError, config::Config, secret::ServerKey, webhook};
use countersign_store::{
    Store,
    op::{Delivery, DeliveryState, DocumentKind, ReadDeliveries, ReadDocuments, Replay, Waiting},
};
use secrecy::ExposeSecret;

use crate::{
    apply::printable,
    cli::{Failure, WebhooksCommand},
    project,
    table::table,
};

/// The endpoints of one project.
struct Endpoints {
    project: ProjectId,
    slug: String,
    all: Vec<(WebhookId, Webhook)>,
}

/// Does it, and answers what is to be printed.
pub async fn run(store: &Store, config: &Config, command: WebhooksCommand, now: Timestamp) -> Result<String, Failure> {
    match command {
        WebhooksCommand::List { project } => list(store, &Endpoints::of(store, project.as_deref()).await?).await,
        WebhooksCommand::Secret { name, project } => {
            let endpoints = Endpoints::of(store, project.as_deref()).await?;
            let (id, webhook) = endpoints.named(&name)?;
            let secrets = webhook::secrets(&server_key(config)?, endpoints.project, (*id, webhook));
            let newest = secrets.first().map(ExposeSecret::expose_secret).unwrap_or_default();
            Ok(format!("{newest}\n"))
        }
        WebhooksCommand::Deliveries { project, most } => {
            let endpoints = Endpoints::of(store, project.as_deref()).await?;
            let deliveries = store.read(ReadDeliveries { project: endpoints.project, most: most.min(10_000) }).await?;
            Ok(deliveries_table(&endpoints, &deliveries))
        }
        WebhooksCommand::Replay { name, event, project } => {
            let endpoints = Endpoints::of(store, project.as_deref()).await?;
            let (id, _) = endpoints.named(&name)?;
            replay(store, (endpoints.project, *id), event, now).await
        }
    }
}

impl Endpoints {
    async fn of(store: &Store, slug: Option<&str>) -> Result<Self, Failure> {
        let row = project::named(store, slug).await?;
        let documents = store.read(ReadDocuments { project: row.id, revision: i64::MAX }).await?;
        let (row, documents) = documents.unwrap_or((row, Vec::new()));
        let webhooks = documents.into_iter().filter(|document| document.kind == DocumentKind::Webhook);
        let read =
            webhooks.map(|row| serde_json::from_str(&row.body).map(|read| (WebhookId::from_bytes(row.id), read)));
        let all = read.collect::<Result<_, _>>().map_err(Failure::accident)?;
        Ok(Self { project: row.id, slug: row.slug, all })
    }

    fn named(&self, name: &str) -> Result<&(WebhookId, Webhook), Failure> {
        self.all.iter().find(|(_, webhook)| webhook.name == name).ok_or_else(|| {
            let names: Vec<String> = self.all.iter().map(|(_, webhook)| printable(&webhook.name)).collect();
            let there =
                if names.is_empty() { "it has none".to_owned() } else { format!("there are: {}", names.join(", ")) };
            Failure::Wrong(format!("project `{}` has no endpoint `{}`; {there}", self.slug, printable(name)))
        })
    }
}

/// The key that the servers use: the configured one, or the one in the data folder. None is made here: it would be another.
fn server_key(config: &Config) -> Result<ServerKey, Failure> {
    if let Some(text) = config.server_key() {
        return ServerKey::parse(text).map_err(|error| Failure::from(StartError::from(error)));
    }
    let path = config.server_key_file();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::Wrong(format!(
            "{} can't be read: {error}; set `server_key`, or run this where the server keeps its key",
            path.display()
        ))
    })?;
    ServerKey::parse(&text).map_err(|error| Failure::from(StartError::from(error)))
}

async fn list(store: &Store, endpoints: &Endpoints) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for (id, webhook) in &endpoints.all {
        let (waiting, parked) = store.read(Waiting { project: endpoints.project, webhook: *id }).await?;
        let enabled = if webhook.enabled { "yes" } else { "no" };
        let url = webhook.url.as_str().to_owned();
        rows.push([printable(&webhook.name), url, enabled.to_owned(), waiting.to_string(), parked.to_string()]);
    }
    Ok(table(["NAME", "URL", "ENABLED", "WAITING", "PARKED"], rows.into_iter()))
}

fn deliveries_table(endpoints: &Endpoints, deliveries: &[Delivery]) -> String {
    let name = |id: WebhookId| {
        let found = endpoints.all.iter().find(|(known, _)| *known == id);
        found.map_or_else(|| "(deleted)".to_owned(), |(_, webhook)| printable(&webhook.name))
    };
    let row = |delivery: &Delivery| {
        let state = match delivery.state {
            DeliveryState::Delivered(at) => format!("delivered {}", at.rfc3339()),
            DeliveryState::Waiting(at) => format!("next try {}", at.rfc3339()),
            DeliveryState::Parked => "parked".to_owned(),
        };
        let status = delivery.status.map(|status| status.to_string());
        let answer = status.or_else(|| delivery.fault.clone()).unwrap_or_default();
        let (event, attempts) = (delivery.event.to_string(), delivery.attempts.to_string());
        [event, delivery.kind.clone(), name(delivery.webhook), attempts, state, answer]
    };
    table(["EVENT", "TYPE", "ENDPOINT", "TRIES", "STATE", "LAST ANSWER"], deliveries.iter().map(row))
}

async fn replay(
    store: &Store,
    (project, webhook): (ProjectId, WebhookId),
    event: Option<EventId>,
    now: Timestamp,
) -> Result<String, Failure> {
    match (store.run(Replay { project, webhook, event, now }).await?, event) {
        (0, Some(event)) => Err(Failure::Wrong(format!("there is no event {event}: they are kept for 30 days"))),
        (count, _) => Ok(format!("{count} to be sent\n")),
    }
}
