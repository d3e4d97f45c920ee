//! The requests that are sent: actions of a site's users, each from a browser of their own.
//!
//! A user's readings follow from the user's number, so that somebody who returns looks like the same browser, and
//! numbers are drawn evenly over the whole population, so that the rows touched are spread over the database as they
//! would be. Nothing is random: two runs send the same requests in the same order.

use std::{cell::RefCell, io::Write as _};

use serde::Deserialize;

/// How many different users come by; a site of some size within a month.
pub const POPULATION: u32 = 50_000;

/// Whom the requests are for.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port`, for the `Host` header.
    pub authority: String,
    /// The origin that the pages claim to come from.
    pub origin: String,
    /// The public client id.
    pub client_id: String,
    /// The action evaluated.
    pub action: String,
}

/// Users, their browsers, and what those browsers keep.
#[derive(Debug)]
pub struct Traffic {
    target: Target,
    /// The device token that each user's browser was last given.
    tokens: RefCell<Vec<Option<Box<str>>>>,
}

/// What the client is told about its evaluation.
#[derive(Debug, Deserialize)]
pub struct Evaluated<'a> {
    /// The evaluation.
    pub evaluation_id: &'a str,
    /// Where to go, if there is a challenge.
    pub redirect: Option<&'a str>,
    /// What the browser is to keep.
    pub device_token: Option<&'a str>,
}

impl Traffic {
    /// Users whose browsers have kept nothing yet.
    pub fn new(target: Target) -> Self {
        Self { target, tokens: RefCell::new(vec![None; POPULATION as usize]) }
    }

    /// The public client id and the origin that its users come with.
    pub fn caller(&self) -> (&str, &str) {
        (&self.target.client_id, &self.target.origin)
    }

    /// Which of the first `users` users makes the request numbered `ticket`.
    pub fn user_of(ticket: u64, users: u32) -> u32 {
        u32::try_from(mix(ticket) % u64::from(users.clamp(1, POPULATION))).unwrap_or(0)
    }

    /// Writes the whole request for an evaluation of this user.
    pub fn write_evaluation(&self, user: u32, body: &mut Vec<u8>, request: &mut Vec<u8>) {
        body.clear();
        self.write_body(user, body);
        request.clear();
        let Target { authority, origin, .. } = &self.target;
        let length = body.len();
        put(
            request,
            format_args!(
                "POST /v3/evaluations HTTP/1.1\r\nHost: {authority}\r\nOrigin: {origin}\r\nReferer: {origin}/\r\n\
                 Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\nUser-Agent: Mozilla/5.0 (X11; \
                 Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\nAccept: */*\r\n\
                 Accept-Language: en-US,en;q=0.9\r\n\r\n"
            ),
        );
        request.extend_from_slice(body);
    }

    /// Writes the whole request that consumes an evaluation.
    pub fn write_consume(&self, evaluation_id: &str, api_secret: &str, request: &mut Vec<u8>) {
        request.clear();
        let authority = &self.target.authority;
        put(
            request,
            format_args!(
                "POST /v3/evaluations/{evaluation_id}/consume HTTP/1.1\r\nHost: {authority}\r\n\
                 Authorization: Bearer {api_secret}\r\nContent-Length: 0\r\n\r\n"
            ),
        );
    }

    /// What this user's browser does with the answer.
    pub fn keep(&self, user: u32, answer: &Evaluated<'_>) {
        if let (Some(token), Some(kept)) = (answer.device_token, self.tokens.borrow_mut().get_mut(user as usize)) {
            *kept = Some(token.into());
        }
    }

    fn write_body(&self, user: u32, body: &mut Vec<u8>) {
        let Target { origin, client_id, action, .. } = &self.target;
        // The click ids that advertising networks add make the addresses of real pages this long.
        let click = "Cj0KCQjwxqC4BhDtARIsAF6xyz_".repeat(22);
        let domain = user % 40;
        put(
            body,
            format_args!(
                r#"{{"client_id":"{client_id}","action":"{action}","user":"customer-{user:08}","email":"customer.{user:08}@mail{domain}.example.com","metadata":{{"plan":"pro"}},"#
            ),
        );
        if let Some(token) = self.tokens.borrow().get(user as usize).and_then(Option::as_ref) {
            put(body, format_args!(r#""device_token":"{token}","#));
        }
        write_signals(user, body);
        put(
            body,
            format_args!(
                r#","page_url":"{origin}/account/login?return_to=%2Forders%2F2026%2F{user:08}%2Finvoice&utm_source=newsletter&utm_medium=email&utm_campaign=autumn-collection-for-returning-customers&utm_content=header-button&gclid={click}"}}"#
            ),
        );
    }
}

fn write_signals(user: u32, body: &mut Vec<u8>) {
    put(
        body,
        format_args!(
            r#""signals":{{"sdk":"browser/0.1.0","platform":"Linux x86_64","brands":[{{"brand":"Chromium","version":"156"}},{{"brand":"Google Chrome","version":"156"}},{{"brand":"Not A;Brand","version":"24"}}],"mobile":false,"languages":["en-US","en","fr-FR","fr"],"time_zone":"Europe/Paris","screen":{{"width":1920,"height":1080,"depth":24,"ratio":1.5}},"cpu":8,"memory":8,"touch_points":0,"gpu":"ANGLE (NVIDIA Corporation, NVIDIA GeForce RTX 3060/PCIe/SSE2, OpenGL 4.5.0)","hashes":{{"#
        ),
    );
    for (number, name) in ["canvas", "webgl", "audio", "maths", "fonts"].into_iter().enumerate() {
        let seed = (u64::from(user) << 8) | number as u64;
        let (a, b, c, d) = (mix(seed), mix(seed | 1 << 62), mix(seed | 2 << 62), mix(seed | 3 << 62));
        let comma = if number == 0 { "" } else { "," };
        put(body, format_args!(r#"{comma}"{name}":"{a:016x}{b:016x}{c:016x}{d:016x}""#));
    }
    put(
        body,
        format_args!(
            r#"}},"storage":{{"cookies":true,"local":true,"indexed_db":true}},"permissions":{{"notifications":"prompt"}},"automation":{{"webdriver":false,"traces":[]}},"input":{{"pointer":3,"keys":10,"synthetic":0}}}}"#
        ),
    );
}

/// Appends to a buffer in memory, which can't fail.
fn put(buffer: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = buffer.write_fmt(text);
}

/// Spreads numbers evenly over 64 bits, each to another (Vigna's `SplitMix64`).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::floor::Evaluation;

    fn traffic() -> Traffic {
        Traffic::new(Target {
            authority: "127.0.0.1:9".into(),
            origin: "http://127.0.0.1:8".into(),
            client_id: "pk_dev_x".into(),
            action: "login".into(),
        })
    }

    fn body_of(traffic: &Traffic, user: u32) -> Vec<u8> {
        let (mut body, mut request) = (Vec::new(), Vec::new());
        traffic.write_evaluation(user, &mut body, &mut request);
        assert!(request.ends_with(&body));
        body
    }

    #[test]
    fn the_body_is_a_whole_evaluation_of_a_few_kilobytes() {
        let body = body_of(&traffic(), 7);
        assert!((1700..4096).contains(&body.len()), "{} bytes", body.len());
        serde_json::from_slice::<Evaluation>(&body).expect("exactly the fields of the contract");
    }

    #[test]
    fn a_user_who_returns_is_the_same_browser_and_brings_its_token() {
        let traffic = traffic();
        let (first, other) = (body_of(&traffic, 7), body_of(&traffic, 8));
        assert_ne!(first, other);
        assert_eq!(first, body_of(&traffic, 7));
        traffic.keep(7, &Evaluated { evaluation_id: "evl_1", redirect: None, device_token: Some("tok") });
        let later: serde_json::Value = serde_json::from_slice(&body_of(&traffic, 7)).unwrap();
        assert_eq!(later["device_token"], "tok");
        assert_eq!(body_of(&traffic, 8), other);
    }

    #[test]
    fn users_are_drawn_from_all_of_the_population_and_not_beyond() {
        let drawn: HashSet<u32> = (0..20_000).map(|ticket| Traffic::user_of(ticket, 1000)).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|user| *user < 1000));
    }
}
