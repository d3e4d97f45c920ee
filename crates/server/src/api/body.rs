//! From the bytes of a body to a typed request; after this nothing looks at raw input.

use serde::de::DeserializeOwned;

use super::problem::{self, Problem};

/// Reads a body. The fast way first; only a refused body is read again, to say where.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde takes an array of values for the struct whose fields they would be, in order: nobody has documented that,
    // and an empty list would be a request that leaves everything out.
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && std::str::from_utf8(body).is_ok() {
        return Err(Problem::new(&problem::INVALID_JSON).detail("The body is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|_| refusal::<T>(body))
}

/// Reads a body that may be left out.
pub fn read_optional<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) { Ok(T::default()) } else { read(body) }
}

fn refusal<T: DeserializeOwned>(body: &[u8]) -> Problem {
    if std::str::from_utf8(body).is_err() {
        return Problem::new(&problem::INVALID_JSON).detail("The body is not valid UTF-8");
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return Problem::new(&problem::INVALID_JSON).detail("There is something behind the JSON object");
    };
    let pointer = pointer(error.path());
    let inner = error.into_inner();
    if !inner.is_data() {
        return Problem::new(&problem::INVALID_JSON);
    }
    let message = inner.to_string();
    // serde_json ends its messages with the place in the text, which the pointer says better.
    told(message.split(" at line ").next().unwrap_or_default(), pointer)
}

/// What serde says, in our words. Its own name Rust's types and repeat the value, which may be personal.
fn told(message: &str, pointer: String) -> Problem {
    if let Some(name) = between(message, "missing field `") {
        let pointer = format!("{pointer}{}", token(name));
        return Problem::new(&problem::MISSING_FIELD).pointer(pointer).detail(format!("`{name}` is missing"));
    }
    if message.starts_with("unknown field `") {
        let known =
            message.rsplit_once(", expected ").map_or("nothing", |(_, known)| known.trim_start_matches("one of "));
        return Problem::new(&problem::UNKNOWN_FIELD).pointer(pointer).detail(format!("Known here: {known}"));
    }
    let detail = if let Some(name) = between(message, "duplicate field `") {
        format!("`{name}` stands there twice")
    } else if message.starts_with("invalid ") {
        format!("must be {}", words(message.rsplit_once(", expected ").map_or(message, |(_, wanted)| wanted)))
    } else {
        message.to_owned()
    };
    Problem::new(&problem::INVALID_FIELD).pointer(pointer).detail(detail)
}

/// What stands after `before`, up to the next backtick; our fields' names have none.
fn between<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.split('`').next()
}

/// What serde expected, as somebody who writes JSON calls it.
fn words(wanted: &str) -> &'static str {
    match wanted {
        "a string" => "text",
        "a boolean" => "true or false",
        "u32" => "a whole number from 0 to 4294967295",
        "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        "IP address" | "invalid IP address syntax" => "an IP address",
        _ => "what the API reference describes",
    }
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => token(key),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

fn token(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}
