//! The device step: the owner has proven who they are, and logs devices out until this one has its place.

use axum::{
    Form,
    extract::{Path, State as Axum},
    http::HeaderMap,
    response::Response,
};
use countersign_engine::{challenge::Status, id::DeviceId, signal::DeviceType, time::Timestamp};
use countersign_store::{
    op::{ChallengeDevices, ChallengeStep, LogOutDevice, Seats, StepOutcome},
    row::AttachedDevice,
};
use serde::Deserialize;

use super::{
    show::trouble,
    steps::{back, enter},
    view::{DeviceKind, DeviceLine, Devices, State, When},
    visit::{Visit, answer},
};
use crate::{api::problem::Problem, context::Ctx, enrich::agent, texts::Line};

/// The form beside each device, and the one that goes on once there are few enough.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    csrf: String,
    device: String,
}

/// Since when a device must have been used to have its place.
pub(super) fn since(visit: &Visit, now: Timestamp) -> Timestamp {
    visit.project.settings.unused_since(now)
}

/// What the page says where only devices stand in the way.
pub(super) async fn state(ctx: &Ctx, visit: &Visit) -> Result<State, Problem> {
    let now = ctx.clock.now();
    let (project, id) = (visit.project.id, visit.challenge.id);
    let seats = ctx.store.read(ChallengeDevices { project, id, since: since(visit, now), now }).await?;
    Ok(State::Devices(shown(&seats)))
}

fn shown(seats: &Seats) -> Devices {
    let line = |device: &AttachedDevice| DeviceLine {
        id: device.id.to_string(),
        label: agent::label(&device.agent).as_deref().and_then(Line::new),
        kind: match device.device_type {
            Some(DeviceType::Computer) => DeviceKind::Computer,
            Some(DeviceType::Tablet) => DeviceKind::Tablet,
            Some(DeviceType::Mobile) => DeviceKind::Mobile,
            None => DeviceKind::Unknown,
        },
        place: device.place.as_deref().and_then(Line::new),
        seen: When { at_ms: device.last_seen_at.millis(), offset_minutes: None },
    };
    Devices { over: seats.over, others: seats.others.iter().map(line).collect() }
}

/// Logs a device out; goes on to the site as soon as there are few enough.
pub async fn post(
    Axum(ctx): Axum<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Chosen>,
) -> Response {
    let (visit, browser) = match enter(&ctx, &id, &headers, &form.csrf).await {
        Ok(entered) => entered,
        Err(response) => return *response,
    };
    let now = ctx.clock.now();
    let step = ChallengeStep { project: visit.project.id, id: visit.challenge.id, browser: browser.hash, now };
    let device = form.device.parse::<DeviceId>().ok();
    match ctx.store.run(LogOutDevice { step, device, since: since(&visit, now) }).await {
        Ok(StepOutcome::Done(challenge, ())) => {
            ctx.streams.look();
            if challenge.status() == Status::Completed {
                super::visit::see_other(&visit.success_url())
            } else {
                back(&visit, "")
            }
        }
        Ok(StepOutcome::Refused(..)) => back(&visit, ""),
        Ok(StepOutcome::NotFound) => answer(&ctx, &headers, None, &browser, &State::NotFound),
        Err(error) => trouble(&ctx, &headers, &browser, &error.into()),
    }
}
