//! Devices of users.

use countersign_engine::{
    history::Device,
    id::{BrowserId, DeviceId, FingerprintId, UserId},
    signal::{Agent, DeviceType},
    time::Timestamp,
};

use super::{activity, json, seen as read_seen, to_json, user::UserRef};
use crate::{Row, Sql, StoreError, Tx, Value};

macro_rules! device_columns {
    ($attached:literal) => {
        concat!(
            "d.device_id, d.browser_id, d.fingerprint_id, d.device_type, ",
            $attached,
            ", d.activity, d.passed_at, d.seen"
        )
    };
}

// The attached ones that were used lately (at most 100, the newest), and this browser's own even if it is not attached, or
// not any more because it was left unused.
static OF_USER: Sql = Sql::same(concat!(
    "SELECT * FROM (SELECT ",
    device_columns!("d.attached AS attached"),
    " FROM devices d WHERE d.project_id = $1 AND d.user_id = (SELECT user_id FROM user_refs WHERE project_id = $1 AND \
     kind = $2 AND ref = $3) AND d.attached = 1 AND d.last_seen_at >= $4 ORDER BY d.last_seen_at DESC LIMIT 100) a \
     UNION SELECT ",
    device_columns!("CASE WHEN d.last_seen_at >= $4 THEN d.attached ELSE 0 END AS attached"),
    " FROM devices d WHERE d.project_id = $1 AND d.user_id = (SELECT user_id FROM user_refs WHERE project_id = $1 AND \
     kind = $2 AND ref = $3) AND d.browser_id = $5"
))
.for_many();
static SAVE: Sql = Sql::same(
    "INSERT INTO devices (project_id, user_id, browser_id, device_id, fingerprint_id, device_type, agent, attached, \
     attached_at, activity, passed_at, seen, created_at, last_seen_at, place) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14) \
     ON CONFLICT (project_id, user_id, browser_id) DO UPDATE SET fingerprint_id = excluded.fingerprint_id, \
     device_type = excluded.device_type, agent = excluded.agent, attached = excluded.attached, \
     attached_at = COALESCE(excluded.attached_at, devices.attached_at), \
     activity = excluded.activity, passed_at = excluded.passed_at, seen = excluded.seen, place = excluded.place, \
     last_seen_at = CASE WHEN excluded.last_seen_at > devices.last_seen_at THEN excluded.last_seen_at ELSE devices.last_seen_at END",
)
.for_many();
static PASS: Sql = Sql::same(
    "UPDATE devices SET attached_at = CASE WHEN attached = 1 THEN attached_at ELSE $1 END, attached = 1, passed_at = $1, \
     last_seen_at = CASE WHEN $1 > last_seen_at THEN $1 ELSE last_seen_at END \
     WHERE project_id = $2 AND user_id = $3 AND browser_id = $4",
);
static DETACH: Sql = Sql::same(
    "UPDATE devices SET attached = 0, passed_at = NULL WHERE project_id = $1 AND user_id = $2 AND device_id = $3",
);
// In one order, so that two who log out of the same users don't wait in a circle.
static OF_BROWSER: Sql = Sql::same(
    "SELECT user_id, device_id, last_seen_at FROM devices WHERE project_id = $1 AND browser_id = $2 AND attached = 1 \
     ORDER BY user_id LIMIT 100",
);
static LIST: Sql = Sql::same(
    "SELECT device_id, fingerprint_id, device_type, agent, attached, attached_at, created_at, last_seen_at FROM devices \
     WHERE project_id = $1 AND user_id = $2 AND attached_at IS NOT NULL ORDER BY last_seen_at DESC LIMIT 200",
);

// This browser's own too, even if it is not attached.
static ATTACHED: Sql = Sql::same(
    "SELECT device_id, browser_id, device_type, agent, place, last_seen_at FROM devices \
     WHERE project_id = $1 AND user_id = $2 AND ((attached = 1 AND last_seen_at >= $3) OR browser_id = $4) \
     ORDER BY last_seen_at DESC LIMIT 200",
);

static OF: Sql = Sql::same(
    "SELECT device_id, device_type, attached, last_seen_at FROM devices WHERE project_id = $1 AND user_id = $2 \
     AND (browser_id = $3 OR device_id = $4)",
);

pub(crate) const ALL: &[&Sql] = &[&ATTACHED, &OF_USER, &OF_BROWSER, &OF, &SAVE, &PASS, &DETACH, &LIST];

/// The user's attached devices used since `since`, and this browser's own. Whoever changes a user's devices holds the
/// user, so it's enough to read them.
pub(crate) async fn of_user<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    by: &UserRef,
    browser: Option<BrowserId>,
    since: Timestamp,
) -> Result<Vec<Device>, StoreError> {
    let browser = browser.map(BrowserId::to_bytes);
    let params = [
        project.into(),
        by.kind.into(),
        by.value.as_str().into(),
        since.millis().into(),
        browser.as_ref().map_or(Value::Null, Into::into),
    ];
    let mut devices = tx.read(&OF_USER, &params).await?.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    devices.sort_by_key(|device| device.id);
    Ok(devices)
}

/// Writes a device, and when it took its place, if that is now.
pub(crate) fn save<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: UserId,
    (device, attached_at): (&Device, Option<Timestamp>),
    agent: &Agent,
    place: Option<&str>,
    seen: Timestamp,
) -> Result<(), StoreError> {
    let agent = to_json(agent, "device agent")?;
    let fingerprint = device.fingerprint.map(FingerprintId::to_bytes);
    tx.write(
        &SAVE,
        &[
            project.into(),
            (&user.to_bytes()).into(),
            (&device.browser.to_bytes()).into(),
            (&device.id.to_bytes()).into(),
            fingerprint.as_ref().map_or(Value::Null, Into::into),
            device.device_type.map(type_name).into(),
            agent.as_str().into(),
            device.attached.into(),
            attached_at.map(Timestamp::millis).into(),
            device.activity.to_bytes().as_slice().into(),
            device.passed_at.map(Timestamp::millis).into(),
            device.seen.to_bytes().as_slice().into(),
            seen.millis().into(),
            place.into(),
        ],
    );
    Ok(())
}

/// A challenge was passed on the device that `browser` is for the user: it is attached.
pub(crate) fn pass<T: Tx>(tx: &T, project: &[u8; 16], user: UserId, browser: BrowserId, now: Timestamp) {
    tx.write(&PASS, &[now.millis().into(), project.into(), (&user.to_bytes()).into(), (&browser.to_bytes()).into()]);
}

/// Detaches a device: what was passed on it counts no longer.
pub(crate) fn detach<T: Tx>(tx: &T, project: &[u8; 16], user: UserId, device: DeviceId) {
    tx.write(&DETACH, &[project.into(), (&user.to_bytes()).into(), (&device.to_bytes()).into()]);
}

/// The users that a browser is attached to, which of their devices it is, and when they were last seen on it.
pub(crate) async fn of_browser<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    browser: BrowserId,
) -> Result<Vec<(UserId, DeviceId, i64)>, StoreError> {
    let rows = tx.read(&OF_BROWSER, &[project.into(), (&browser.to_bytes()).into()]).await?;
    rows.iter().map(|row| Ok((UserId::from_bytes(row.id(0)?), DeviceId::from_bytes(row.id(1)?), row.int(2)?))).collect()
}

/// What one of a user's devices is known by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    /// The browser that it is.
    By(BrowserId),
    /// Its id.
    As(DeviceId),
}

/// Whether a device has its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) id: DeviceId,
    pub(crate) device_type: Option<DeviceType>,
    pub(crate) attached: bool,
    pub(crate) last_seen_at: Timestamp,
}

/// How one of the user's devices stands. The caller holds the user.
pub(crate) async fn of<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: UserId,
    known: Known,
) -> Result<Option<Standing>, StoreError> {
    let (browser, device) = match known {
        Known::By(browser) => (Some(browser.to_bytes()), None),
        Known::As(device) => (None, Some(device.to_bytes())),
    };
    let user = user.to_bytes();
    let params = [project.into(), (&user).into(), browser.as_ref().into(), device.as_ref().into()];
    let rows = tx.read(&OF, &params).await?;
    let decode = |row: &Row| {
        let device_type = row.opt_text(1)?.and_then(type_of);
        let last_seen_at = Timestamp::from_millis(row.int(3)?);
        Ok(Standing { id: DeviceId::from_bytes(row.id(0)?), device_type, attached: row.bool(2)?, last_seen_at })
    };
    rows.first().map(decode).transpose()
}

/// A device as its owner is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachedDevice {
    /// Our id.
    pub id: DeviceId,
    /// The browser storage that it is known by.
    pub browser: BrowserId,
    /// Computer, tablet or phone.
    pub device_type: Option<DeviceType>,
    /// What it says it is.
    pub agent: Agent,
    /// Where it last was, in words.
    pub place: Option<String>,
    /// Last seen.
    pub last_seen_at: Timestamp,
}

/// The user's attached devices used since `since`, and the browser's own, the last used first. The caller holds the user.
pub(crate) async fn attached<T: Tx>(
    tx: &T,
    project: &[u8; 16],
    user: UserId,
    browser: Option<BrowserId>,
    since: Timestamp,
) -> Result<Vec<AttachedDevice>, StoreError> {
    let browser = browser.map(BrowserId::to_bytes);
    let browser = browser.as_ref().map_or(Value::Null, Into::into);
    let rows = tx.read(&ATTACHED, &[project.into(), (&user.to_bytes()).into(), since.millis().into(), browser]).await?;
    rows.iter()
        .map(|row| {
            Ok(AttachedDevice {
                id: DeviceId::from_bytes(row.id(0)?),
                browser: BrowserId::from_bytes(row.id(1)?),
                device_type: row.opt_text(2)?.and_then(type_of),
                agent: json(row.text(3)?, "device agent")?,
                place: row.opt_text(4)?.map(str::to_owned),
                last_seen_at: Timestamp::from_millis(row.int(5)?),
            })
        })
        .collect()
}

/// A device as the site's server is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// Our id.
    pub id: DeviceId,
    /// The fingerprint it last came with.
    pub fingerprint: Option<FingerprintId>,
    /// Computer, tablet or phone.
    pub device_type: Option<DeviceType>,
    /// What it says it is.
    pub agent: Agent,
    /// Whether it is attached.
    pub attached: bool,
    /// When it last was.
    pub attached_at: Option<Timestamp>,
    /// First seen.
    pub created_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
}

/// The devices that were ever attached to the user, the last used first, at most 200.
pub(crate) async fn list<T: Tx>(tx: &T, project: &[u8; 16], user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
    let rows = tx.read(&LIST, &[project.into(), (&user.to_bytes()).into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(DeviceRow {
                id: DeviceId::from_bytes(row.id(0)?),
                fingerprint: row.opt_id(1)?.map(FingerprintId::from_bytes),
                device_type: row.opt_text(2)?.and_then(type_of),
                agent: json(row.text(3)?, "device agent")?,
                attached: row.bool(4)?,
                attached_at: row.opt_int(5)?.map(Timestamp::from_millis),
                created_at: Timestamp::from_millis(row.int(6)?),
                last_seen_at: Timestamp::from_millis(row.int(7)?),
            })
        })
        .collect()
}

fn decode(row: &Row) -> Result<Device, StoreError> {
    Ok(Device {
        id: DeviceId::from_bytes(row.id(0)?),
        browser: BrowserId::from_bytes(row.id(1)?),
        fingerprint: row.opt_id(2)?.map(FingerprintId::from_bytes),
        device_type: row.opt_text(3)?.and_then(type_of),
        attached: row.bool(4)?,
        activity: activity(row.bytes(5)?, "device activity")?,
        passed_at: row.opt_int(6)?.map(Timestamp::from_millis),
        seen: read_seen(row.bytes(7)?, "what a device was seen with")?,
    })
}

const fn type_name(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Computer => "computer",
        DeviceType::Tablet => "tablet",
        DeviceType::Mobile => "mobile",
    }
}

pub(super) fn type_of(name: &str) -> Option<DeviceType> {
    [DeviceType::Computer, DeviceType::Tablet, DeviceType::Mobile].into_iter().find(|kind| type_name(*kind) == name)
}
