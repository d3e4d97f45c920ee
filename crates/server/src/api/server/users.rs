//! `GET /v3/user/:id/devices` and `POST /v3/user/:id/update`. `:id` is the site's own id of the user, or ours.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use countersign_engine::{
    id::UserId,
    text::{Email, ExternalId, Metadata, Phone},
};
use countersign_store::op::{UpdateUser, Updated, UserDevices, UserSelector, UserUpdate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth, body,
        field::{given, object},
        problem::{self, Problem, ProblemBody},
        shape::DeviceShape,
    },
    context::Ctx,
};

/// The devices that were ever attached to a user, the last used first, at most 200.
#[utoipa::path(
    get, path = "/v3/user/{id}/devices", tag = "server", operation_id = "get_user_devices",
    params(("id" = String, Path, description = "Your id of the user, or ours")),
    responses(
        (status = 200, description = "The devices", body = Vec<DeviceShape>),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn devices(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Vec<DeviceShape>>, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let operation = UserDevices { project: key.project.id, user: selector(&id)? };
    let (user, devices) = ctx.store.read(operation).await?.ok_or(Problem::new(&problem::NOT_FOUND))?;
    let name = user.external_id.as_ref().map_or_else(|| user.id.to_string(), ToString::to_string);
    let unused_since = key.project.settings.unused_since(ctx.clock.now());
    Ok(Json(devices.iter().map(|device| DeviceShape::of(device, &name, unused_since)).collect()))
}

/// What to change; whatever is left out stays, and `null` takes a value away.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Update {
    /// The e-mail address: from now on, challenges' codes go there and nowhere else.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<Email>>,
    /// The phone number, likewise.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<Phone>>,
    /// Entries to merge into the metadata; `null` removes one.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
    /// All groups that the user is in.
    groups: Option<Groups>,
    /// Whether you have proof that the address is the user's.
    email_verified: Option<bool>,
    /// Whether you have proof that the number is the user's.
    phone_verified: Option<bool>,
    /// Whether the user is suspended: `false` lifts what a policy did.
    suspended: Option<bool>,
}

/// One group or several.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "must be an id, an object with an `id`, or a list of these")]
pub enum Groups {
    /// Several.
    Many(Vec<Group>),
    /// One.
    One(Group),
}

/// A group: an id, or an object with one.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "must be an id or an object with an `id`")]
pub enum Group {
    /// Its id.
    Id(String),
    /// Its id and more about it, which is not kept.
    #[serde(deserialize_with = "object")]
    Object(GroupObject),
}

/// A group's id and more about it, which is not kept.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct GroupObject {
    /// Its id.
    id: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Its metadata.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
}

/// Changes a user; makes one that was never seen.
#[utoipa::path(
    post, path = "/v3/user/{id}/update", tag = "server", operation_id = "update_user",
    params(("id" = String, Path, description = "Your id of the user, or ours")),
    request_body = Update,
    responses(
        (status = 204, description = "Changed"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("secret" = [])),
)]
pub async fn update(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let key = auth::secret(&ctx, &headers)?;
    let user = selector(&id)?;
    let request: Update = body::read(&bytes)?;
    let groups = request.groups.map(group_ids).transpose()?;
    let update = UserUpdate {
        email: request.email,
        phone: request.phone,
        metadata: request.metadata,
        groups,
        email_verified: request.email_verified,
        phone_verified: request.phone_verified,
        suspended: request.suspended,
    };
    let moment = ctx.moment();
    let operation = UpdateUser { project: key.project.id, user, update, new_id: moment.user_id, now: moment.now };
    match ctx.store.run(operation).await? {
        Updated::Done => Ok(StatusCode::NO_CONTENT),
        Updated::NotFound => Err(Problem::new(&problem::NOT_FOUND)),
        Updated::MetadataTooLarge => {
            Err(Problem::invalid("/metadata", "with what is there already, more than 50 keys or 4096 bytes"))
        }
        Updated::NothingToVerify => Err(Problem::new(&problem::NOTHING_TO_VERIFY)),
    }
}

fn selector(id: &str) -> Result<UserSelector, Problem> {
    // An id that has our form is ours; a site whose own ids look like that would have taken them from us.
    if let Ok(ours) = id.parse::<UserId>() {
        return Ok(UserSelector::Ours(ours));
    }
    let external = ExternalId::parse(id).map_err(|error| Problem::new(&problem::INVALID_ID).detail(error.0))?;
    Ok(UserSelector::External(external))
}

fn group_ids(groups: Groups) -> Result<Vec<String>, Problem> {
    let groups = match groups {
        Groups::Many(groups) => groups,
        Groups::One(group) => vec![group],
    };
    let mut ids: Vec<String> = groups
        .into_iter()
        .map(|group| match group {
            Group::Id(id) | Group::Object(GroupObject { id, .. }) => id,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let fine = ids.len() <= 32 && ids.iter().all(|id| (1..=100).contains(&id.len()));
    if fine {
        Ok(ids)
    } else {
        Err(Problem::invalid("/groups", "at most 32 groups, each with an id of 1 to 100 bytes"))
    }
}
