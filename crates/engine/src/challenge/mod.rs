//! The interactive proof that a policy asked for: its config, its states and what may follow what (spec section 8).
//!
//! ```text
//! created ──open──▶ presented ──send──▶ code_sent ──right code──▶ verified ──nothing left to prove──▶ completed
//!    │                  │                 │   ▲                      │
//!    │                  │                 │   └────send again────────┘ (another channel is required)
//!    └──────────────────┴────────┬────────┴──────────────────────────┘
//!                                ├─ tries used up, or "this wasn't me" ─▶ failed
//!                                ├─ skip, where the config allows it ───▶ skipped
//!                                ├─ a newer challenge took its place ───▶ overridden
//!                                └─ its lifetime ran out ───────────────▶ expired
//! ```
//!
//! With a device limit, `verified` is also where the owner waits who has proven everything and has devices to log out.
//!
//! Codes are known here only as hashes; who draws, hashes and sends them is none of this module's business.

mod config;
mod devices;
mod limits;
mod machine;
mod state;

pub use config::{Appearance, ChallengeConfig, Channel, DeviceLimit, InvalidConfig, Link, Require};
pub use devices::Excess;
pub use limits::{SendLimit, SendScope, send_limits};
pub use machine::{Challenge, NewChallenge, channels_for, resend_wait};
pub use state::{Attempt, Code, Delivery, EndReason, Refusal, State, Status};
