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
    let message = inner.to_string();
    // serde_json ends its messages with the place in the text, which the pointer says better.
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    if !inner.is_data() {
        return Problem::new(&problem::INVALID_JSON);
    }
    if message.starts_with("unknown field") {
        return Problem::new(&problem::UNKNOWN_FIELD).pointer(pointer).detail(message);
    }
    if message.starts_with("missing field") {
        return Problem::new(&problem::MISSING_FIELD).detail(message);
    }
    Problem::new(&problem::INVALID_FIELD).pointer(pointer).detail(message)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}
