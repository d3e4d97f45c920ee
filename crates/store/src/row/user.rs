//! Users, and what they are found by.

use countersign_engine::{
    history::User,
    id::UserId,
    signal::Signals,
    text::{Email, ExternalId, Phone},
    time::Timestamp,
};

use super::{activity, checked, json, profile, to_json};
use crate::{Keys, Row, Sql, StoreError, Tx};

/// What a user is found by: the kind of the reference and the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserRef {
    pub(crate) kind: &'static str,
    pub(crate) value: String,
}

impl UserRef {
    pub(crate) fn external(id: &ExternalId) -> Self {
        Self { kind: "id", value: id.to_string() }
    }

    pub(crate) fn email(email: &Email) -> Self {
        Self { kind: "email", value: email.key() }
    }

    pub(crate) fn phone(phone: &Phone) -> Self {
        Self { kind: "phone", value: phone.to_string() }
    }

    /// Asks for the reference's key: whoever may make a user of it, or lets it refer to another, holds that.
    pub(crate) fn hold(&self, keys: &mut Keys, project: &[u8; 16]) {
        keys.hold(project, self.kind, &self.value);
    }

    /// What the request's user is found by: the site's id if it gave one, else the address, else the number.
    pub(crate) fn of(signals: &Signals) -> Option<Self> {
        let external = signals.user.as_ref().map(Self::external);
        external.or_else(|| signals.valid_email().map(Self::email)).or_else(|| signals.valid_phone().map(Self::phone))
    }
}

macro_rules! user_columns {
    () => {
        "u.user_id, u.external_id, u.email, u.phone, u.verified_email, u.verified_phone, u.metadata, u.user_groups, \
         u.suspended_at, u.skipped, u.activity, u.created_at, u.profile"
    };
}

static BY_REF: Sql = Sql::same(concat!(
    "SELECT ",
    user_columns!(),
    " FROM user_refs r JOIN users u ON u.project_id = r.project_id AND u.user_id = r.user_id \
     WHERE r.project_id = $1 AND r.kind = $2 AND r.ref = $3"
))
.locking("FOR UPDATE OF u")
.for_many();
static BY_ID: Sql =
    Sql::same(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.project_id = $1 AND u.user_id = $2"))
        .locking("FOR UPDATE");
static SAVE: Sql = Sql::same(
    "INSERT INTO users (project_id, user_id, external_id, email, phone, verified_email, verified_phone, metadata, \
     user_groups, suspended_at, skipped, activity, profile, created_at, last_seen_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (project_id, user_id) DO UPDATE SET external_id = excluded.external_id, email = excluded.email, \
     phone = excluded.phone, verified_email = excluded.verified_email, verified_phone = excluded.verified_phone, \
     metadata = excluded.metadata, user_groups = excluded.user_groups, suspended_at = excluded.suspended_at, \
     skipped = excluded.skipped, activity = excluded.activity, profile = excluded.profile, \
     last_seen_at = CASE WHEN excluded.last_seen_at > users.last_seen_at THEN excluded.last_seen_at ELSE users.last_seen_at END",
)
.for_many();
static TOUCH: Sql = Sql::same(
    "UPDATE users SET activity = $1, profile = $2, \
     last_seen_at = CASE WHEN $3 > last_seen_at THEN $3 ELSE last_seen_at END WHERE project_id = $4 AND user_id = $5",
)
.for_many();
static SAVE_REF: Sql = Sql::same(
    "INSERT INTO user_refs (project_id, kind, ref, user_id) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (project_id, kind, ref) DO UPDATE SET user_id = excluded.user_id",
)
.for_many();

pub(crate) const ALL: &[&Sql] = &[&BY_REF, &BY_ID, &SAVE, &TOUCH, &SAVE_REF];

/// The user that `wanted` refers to, held: nobody else changes them, their devices or their links until the transaction
/// ends.
pub(crate) async fn by_ref<T: Tx>(tx: &T, project: &[u8; 16], wanted: &UserRef) -> Result<Option<User>, StoreError> {
    let rows = tx.read_locked(&BY_REF, &[project.into(), wanted.kind.into(), wanted.value.as_str().into()]).await?;
    rows.first().map(decode).transpose()
}

/// The user with our id `user`, held.
pub(crate) async fn by_id<T: Tx>(tx: &T, project: &[u8; 16], user: UserId) -> Result<Option<User>, StoreError> {
    let rows = tx.read_locked(&BY_ID, &[project.into(), (&user.to_bytes()).into()]).await?;
    rows.first().map(decode).transpose()
}

/// Writes the whole user.
pub(crate) fn save<T: Tx>(tx: &T, project: &[u8; 16], user: &User, seen: Timestamp) -> Result<(), StoreError> {
    let metadata = to_json(&user.metadata, "user metadata")?;
    let groups = to_json(&user.groups, "user groups")?;
    tx.write(
        &SAVE,
        &[
            project.into(),
            (&user.id.to_bytes()).into(),
            user.external_id.as_ref().map(ExternalId::as_str).into(),
            user.email.as_ref().map(Email::as_str).into(),
            user.phone.as_ref().map(Phone::as_str).into(),
            user.verified_email.as_ref().map(Email::as_str).into(),
            user.verified_phone.as_ref().map(Phone::as_str).into(),
            metadata.as_str().into(),
            groups.as_str().into(),
            user.suspended_at.map(Timestamp::millis).into(),
            i64::from(user.skipped).into(),
            user.activity.to_bytes().as_slice().into(),
            user.profile.to_bytes().as_slice().into(),
            user.created_at.millis().into(),
            seen.millis().into(),
        ],
    );
    Ok(())
}

/// Writes only what an evaluation changes about a user who was there before.
pub(crate) fn touch<T: Tx>(tx: &T, project: &[u8; 16], user: &User, seen: Timestamp) {
    let (activity, profile) = (user.activity.to_bytes(), user.profile.to_bytes());
    tx.write(
        &TOUCH,
        &[
            activity.as_slice().into(),
            profile.as_slice().into(),
            seen.millis().into(),
            project.into(),
            (&user.id.to_bytes()).into(),
        ],
    );
}

/// Lets the user be found by `by`; whoever was found by it before no longer is.
pub(crate) fn save_ref<T: Tx>(tx: &T, project: &[u8; 16], by: &UserRef, user: UserId) {
    tx.write(&SAVE_REF, &[project.into(), by.kind.into(), by.value.as_str().into(), (&user.to_bytes()).into()]);
}

fn decode(row: &Row) -> Result<User, StoreError> {
    let email = |text: Option<&str>| text.map(|text| checked(Email::parse(text), "user e-mail")).transpose();
    let phone = |text: Option<&str>| text.map(|text| checked(Phone::parse(text), "user phone")).transpose();
    Ok(User {
        id: UserId::from_bytes(row.id(0)?),
        external_id: row.opt_text(1)?.map(|text| checked(ExternalId::parse(text), "user id")).transpose()?,
        email: email(row.opt_text(2)?)?,
        phone: phone(row.opt_text(3)?)?,
        verified_email: email(row.opt_text(4)?)?,
        verified_phone: phone(row.opt_text(5)?)?,
        metadata: json(row.text(6)?, "user metadata")?,
        groups: json(row.text(7)?, "user groups")?,
        suspended_at: row.opt_int(8)?.map(Timestamp::from_millis),
        skipped: u32::try_from(row.int(9)?).unwrap_or(u32::MAX),
        activity: activity(row.bytes(10)?, "user activity")?,
        created_at: Timestamp::from_millis(row.int(11)?),
        profile: profile(row.bytes(12)?, "user profile")?,
    })
}
