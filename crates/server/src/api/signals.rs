//! What the browser SDK sends as `signals`, typed. Everything is optional: a browser that refuses a reading is no
//! error, and a fact that isn't known stays unknown.

use countersign_engine::signal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::{object_or_null, objects_or_null};

/// Readings of the browser.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientSignals {
    /// Name and version of the SDK.
    #[schema(example = "browser/0.1.0")]
    #[serde(deserialize_with = "short")]
    pub sdk: Option<String>,
    /// `navigator.platform`.
    #[serde(deserialize_with = "short")]
    pub platform: Option<String>,
    /// Client hints' brands.
    #[serde(deserialize_with = "objects_or_null")]
    pub brands: Option<Vec<Brand>>,
    /// Client hints' `mobile`.
    pub mobile: Option<bool>,
    /// Languages, most wanted first.
    #[serde(deserialize_with = "shorts")]
    pub languages: Option<Vec<String>>,
    /// IANA name of the time zone.
    #[serde(deserialize_with = "short")]
    pub time_zone: Option<String>,
    /// The screen.
    #[serde(deserialize_with = "object_or_null")]
    pub screen: Option<Screen>,
    /// Logical processors.
    pub cpu: Option<u32>,
    /// Gigabytes of memory, as browsers round it.
    pub memory: Option<f64>,
    /// Fingers that can touch at once.
    pub touch_points: Option<u32>,
    /// The graphics processor.
    #[serde(deserialize_with = "short")]
    pub gpu: Option<String>,
    /// Hashes of renderings.
    #[serde(deserialize_with = "object_or_null")]
    pub hashes: Option<Hashes>,
    /// What storage there is.
    #[serde(deserialize_with = "object_or_null")]
    pub storage: Option<Storage>,
    /// Permissions, by name.
    #[serde(deserialize_with = "object_or_null")]
    pub permissions: Option<Permissions>,
    /// Traces of automation.
    #[serde(deserialize_with = "object_or_null")]
    pub automation: Option<Automation>,
    /// How the page was operated.
    #[serde(deserialize_with = "object_or_null")]
    pub input: Option<Input>,
    /// What a native app reports.
    #[serde(deserialize_with = "object_or_null")]
    pub native: Option<Native>,
}

/// A text of at most 256 bytes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Short(pub String);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() <= 256 {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("must be text of at most 256 bytes"))
        }
    }
}

fn short<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Short>::deserialize(deserializer)?.map(|short| short.0))
}

fn shorts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let texts = Option::<Vec<Short>>::deserialize(deserializer)?;
    if texts.as_ref().is_some_and(|texts| texts.len() > 32) {
        return Err(serde::de::Error::custom("must have at most 32 entries"));
    }
    Ok(texts.map(|texts| texts.into_iter().map(|short| short.0).collect()))
}

/// A browser brand.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// Its name.
    #[schema(value_type = String)]
    pub brand: Short,
    /// Its major version.
    #[schema(value_type = String)]
    pub version: Short,
}

/// A screen.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// Bits a pixel.
    #[serde(default)]
    pub depth: Option<u32>,
    /// Device pixels a CSS pixel.
    #[serde(default)]
    pub ratio: Option<f64>,
}

/// Hashes of renderings.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hashes {
    /// A 2D drawing.
    #[serde(deserialize_with = "short")]
    pub canvas: Option<String>,
    /// What WebGL can do.
    #[serde(deserialize_with = "short")]
    pub webgl: Option<String>,
    /// A rendered tone.
    #[serde(deserialize_with = "short")]
    pub audio: Option<String>,
    /// Results of mathematical functions.
    #[serde(deserialize_with = "short")]
    pub maths: Option<String>,
    /// Widths of text.
    #[serde(deserialize_with = "short")]
    pub fonts: Option<String>,
}

/// What storage there is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Cookies.
    pub cookies: Option<bool>,
    /// `localStorage`.
    pub local: Option<bool>,
    /// `IndexedDB`.
    pub indexed_db: Option<bool>,
}

/// Permissions.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Permissions {
    /// Of notifications.
    #[serde(deserialize_with = "short")]
    pub notifications: Option<String>,
}

/// Traces of automation.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Automation {
    /// `navigator.webdriver`.
    pub webdriver: Option<bool>,
    /// Names of tells.
    #[serde(deserialize_with = "shorts")]
    pub traces: Option<Vec<String>>,
}

/// How the page was operated: counts, never content.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Pointer events.
    pub pointer: Option<u32>,
    /// Key events.
    pub keys: Option<u32>,
    /// Events that a script made.
    pub synthetic: Option<u32>,
}

/// What a native app reports of the device that it runs on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Native {
    /// The system's protection was taken off an iPhone or iPad.
    pub jailbroken_ios: Option<bool>,
    /// It was taken off an Android device.
    pub rooted_android: Option<bool>,
    /// It runs in Apple's simulator.
    pub is_simulator: Option<bool>,
    /// It runs in an emulator of Android.
    pub is_emulator: Option<bool>,
    /// A debugger is attached.
    pub debugger_attached: Option<bool>,
    /// A test tool operates the app.
    pub ui_testing: Option<bool>,
}

impl From<Native> for signal::Native {
    fn from(reported: Native) -> Self {
        let Native { jailbroken_ios, rooted_android, is_simulator, is_emulator, debugger_attached, ui_testing } =
            reported;
        Self { jailbroken_ios, rooted_android, is_simulator, is_emulator, debugger_attached, ui_testing }
    }
}
