//! Writes every state of the challenge page, and the mail, to a folder: `cargo run --example challenge_gallery -- DIR`.
//! Serve the folder with any static file server to see what people see.

use std::path::PathBuf;
use std::{error::Error, fs};

use countersign_server::challenge::view::render;
use countersign_server::page::appearance::{Appearance, appearance_css};
use countersign_server::page::assets::{CHALLENGE_CSS, CHALLENGE_JS, TOKENS_CSS};
use countersign_server::texts::Texts;

#[path = "../tests/render/samples.rs"]
#[expect(clippy::unwrap_used, reason = "samples are constants")]
mod samples;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("give a folder to write to")?.into();
    fs::create_dir_all(folder.join("assets"))?;
    for asset in [&TOKENS_CSS, &CHALLENGE_CSS, &CHALLENGE_JS] {
        fs::write(folder.join("assets").join(&asset.name), asset.bytes)?;
    }
    let texts = Texts::load()?;
    for (name, context, state) in samples::all() {
        fs::write(folder.join(format!("{name}.html")), render(texts.get("en"), &context, &state)?)?;
    }
    branded(&folder, &texts)?;
    fs::write(folder.join("email.html"), samples::message().email(texts.get("en"))?.html)?;
    Ok(())
}

/// A light accent on a dark ground: the hardest case for contrast.
fn branded(folder: &std::path::Path, texts: &Texts) -> Result<(), Box<dyn Error>> {
    let mut context = samples::context();
    context.appearance =
        Appearance { accent: Some("#ffd400".parse()?), background: Some("#1d2b4f".parse()?), ..Appearance::default() };
    let own = folder.join("challenge").join(&context.challenge_id);
    fs::create_dir_all(&own)?;
    fs::write(own.join("appearance.css"), appearance_css(&context.appearance))?;
    let state = countersign_server::challenge::view::State::EnterCode(samples::enter_code());
    fs::write(folder.join("branded.html"), render(texts.get("en"), &context, &state)?)?;
    Ok(())
}
