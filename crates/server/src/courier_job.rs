//! Delivering what challenges put out: claims written messages, lets the courier take them, and writes what became of
//! them.
//!
//! A message waits in the store, so a provider that fails, or a server that stops, loses none; nobody who asks for an
//! evaluation ever waits for one. What it carries is encrypted while it waits, and gone once it has left.

use std::time::Duration;

use countersign_engine::{
    challenge::{Challenge, Channel, Delivery},
    id::MessageId,
    time::{MINUTE, SECOND, Timestamp},
};
use countersign_store::op::{ClaimMessages, DueMessage, FinishMessage, MessageOutcome};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use url::Url;

use crate::{
    challenge::{view::Confirming, visit::confirming},
    context::Ctx,
    courier::{Courier, Outgoing, ReceiptStatus},
    delivery_report,
    message::{CodeMessage, EmailContent},
    texts::Line,
};

/// How long one delivery may take before somebody else tries: longer than the courier's own limits.
const LEASE: i64 = 2 * MINUTE;

/// Waits between tries. Codes live ten minutes: what hasn't left by then is of no use.
const WAITS: [i64; 5] = [2 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE];

/// The longest sleep between looks: messages that other nodes wrote, or whose wait is over, are found by it.
const LOOK: Duration = Duration::from_secs(1);

/// What a message carries while it waits.
#[derive(Serialize, Deserialize)]
pub struct Payload {
    /// The code.
    pub code: String,
    /// Over which channel it goes.
    pub channel: Channel,
    /// In which language.
    pub language: String,
}

impl Payload {
    /// Encrypted, for that message only.
    pub fn seal(&self, ctx: &Ctx, message: MessageId) -> Option<Vec<u8>> {
        let plain = serde_json::to_vec(self).ok()?;
        ctx.key.seal(message, &plain, &ctx.rng)
    }

    fn open(ctx: &Ctx, due: &DueMessage) -> Option<Self> {
        serde_json::from_slice(&ctx.key.open(due.id, &due.sealed)?).ok()
    }
}

/// Delivers until told to stop; what is under way is finished first.
pub async fn run(ctx: Ctx, courier: std::sync::Arc<Courier>, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    loop {
        let projects = ctx.projects.ids();
        match ctx.store.run(ClaimMessages { projects, now: ctx.clock.now(), lease: LEASE }).await {
            Ok(due) => {
                for message in due {
                    let (ctx, courier) = (ctx.clone(), std::sync::Arc::clone(&courier));
                    under_way.spawn(async move { deliver(&ctx, &courier, message).await });
                }
            }
            Err(error) => tracing::error!(%error, "messages can't be claimed"),
        }
        tokio::select! {
            () = ctx.message_written.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => break,
        }
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

async fn deliver(ctx: &Ctx, courier: &Courier, due: DueMessage) {
    let outcome = hand_over(ctx, courier, &due).await;
    let operation = FinishMessage {
        project: due.project,
        id: due.id,
        challenge: due.challenge.id,
        send: due.send,
        outcome,
        now: ctx.clock.now(),
    };
    // If this can't be written, the lease ends and the message goes out once more: late twice beats never.
    if let Err(error) = ctx.store.run(operation).await {
        tracing::error!(message = %due.id, %error, "what became of a message can't be written");
    }
    if let MessageOutcome::RetryAt(_) = outcome {
        tracing::info!(message = %due.id, tries = due.attempts + 1, "a message will be tried again");
    }
}

async fn hand_over(ctx: &Ctx, courier: &Courier, due: &DueMessage) -> MessageOutcome {
    let Some(payload) = Payload::open(ctx, due) else {
        tracing::error!(message = %due.id, "a message can't be decrypted: was the server key changed?");
        return MessageOutcome::Over(Delivery::Failed);
    };
    let Some(content) = content(ctx, due, &payload) else { return MessageOutcome::Over(Delivery::Failed) };
    let now = ctx.clock.now();
    let sent = courier.send(&content.outgoing(&due.id.to_string()), now.millis()).await;
    let word = if sent.is_ok() { "sent" } else { "failed" };
    metrics::counter!("countersign_messages_total", "channel" => payload.channel.as_str(), "outcome" => word)
        .increment(1);
    match sent {
        Ok(receipt) if receipt.status == ReceiptStatus::Delivered => MessageOutcome::Over(Delivery::Delivered),
        Ok(_) => MessageOutcome::Over(Delivery::Sent),
        Err(error) => {
            tracing::warn!(message = %due.id, error = error.what, retryable = error.retryable, "a message was not taken");
            retry(&due.challenge, due.attempts, now)
                .filter(|_| error.retryable)
                .unwrap_or(MessageOutcome::Over(Delivery::Failed))
        }
    }
}

/// When to try again; never, once the code would be dead by then.
fn retry(challenge: &Challenge, attempts: u32, now: Timestamp) -> Option<MessageOutcome> {
    let wait = WAITS.get(usize::try_from(attempts).ok()?)?;
    let at = now.plus(*wait);
    let countersign_engine::challenge::State::CodeSent(code) = &challenge.state else { return None };
    (at < code.expires_at).then_some(MessageOutcome::RetryAt(at))
}

/// A message, written out.
enum Content {
    Email { to: String, subject: String, text: String, html: String },
    Sms { to: String, text: String, report_to: String },
}

impl Content {
    fn outgoing<'a>(&'a self, id: &'a str) -> Outgoing<'a> {
        match self {
            Self::Email { to, subject, text, html } => Outgoing::Email { id, to, subject, text, html },
            Self::Sms { to, text, report_to } => Outgoing::Sms { id, to, text, report_to },
        }
    }
}

/// Writes a message out, in the words of the page that asked for it.
fn content(ctx: &Ctx, due: &DueMessage, payload: &Payload) -> Option<Content> {
    let project = ctx.projects.get(due.project)?;
    let challenge = &due.challenge;
    let Confirming { action, device, place, at } = confirming(&due.evaluation.evaluation);
    let report = format!("/challenge/{}/report?token={}", challenge.id, ctx.key.report_token(challenge.id));
    let message = CodeMessage {
        project: Line::new(&project.settings.name)?,
        action,
        device,
        place,
        at,
        code: payload.code.clone().into(),
        minutes: challenge.config.code_minutes,
        report_url: Url::parse(&ctx.config.public(&report)).ok()?,
        accent: challenge.config.appearance.accent.as_deref().and_then(|colour| colour.parse().ok()),
    };
    let voice = ctx.texts.get(&payload.language);
    match payload.channel {
        Channel::Email => {
            let written = message.email(voice);
            let EmailContent { subject, text, html } =
                written.inspect_err(|error| tracing::error!(%error, "a mail can't be rendered")).ok()?;
            Some(Content::Email { to: challenge.email.as_ref()?.to_string(), subject, text, html })
        }
        Channel::Sms => {
            let host = ctx.config.public_url.host_str().unwrap_or_default();
            let report_to = delivery_report::address(ctx, due.project, challenge.id, due.send);
            let to = challenge.phone.as_ref()?.to_string();
            Some(Content::Sms { to, text: message.sms(voice, host), report_to })
        }
    }
}
