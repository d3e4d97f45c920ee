//! The request of `POST /v3/evaluations` as types, so that the floors pay for parsing what the product pays for.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One action of one user, as the browser SDK sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsing all of it is the point; the floors use a few of the fields")]
pub struct Evaluation {
    pub client_id: String,
    pub action: String,
    pub user: Option<String>,
    pub email: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    pub device_token: Option<String>,
    pub signals: Signals,
    pub page_url: Option<String>,
}

/// The SDK's readings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsing all of it is the point; the floors use a few of the fields")]
pub struct Signals {
    pub sdk: Option<String>,
    pub platform: Option<String>,
    pub brands: Option<Vec<Brand>>,
    pub mobile: Option<bool>,
    pub languages: Option<Vec<String>>,
    pub time_zone: Option<String>,
    pub screen: Option<Screen>,
    pub cpu: Option<u32>,
    pub memory: Option<f64>,
    pub touch_points: Option<u32>,
    pub gpu: Option<String>,
    pub hashes: Hashes,
    pub storage: Option<Storage>,
    pub permissions: Option<Permissions>,
    pub automation: Option<Automation>,
    pub input: Option<Input>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Brand {
    pub brand: String,
    pub version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub depth: Option<u32>,
    pub ratio: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Hashes {
    pub canvas: Option<String>,
    pub webgl: Option<String>,
    pub audio: Option<String>,
    pub maths: Option<String>,
    pub fonts: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Storage {
    pub cookies: Option<bool>,
    pub local: Option<bool>,
    pub indexed_db: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Permissions {
    pub notifications: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Automation {
    pub webdriver: Option<bool>,
    pub traces: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed for its cost")]
pub struct Input {
    pub pointer: Option<u32>,
    pub keys: Option<u32>,
    pub synthetic: Option<u32>,
}
