//! The challenge page in every state: what it says, what it may not contain, what it weighs.

use countersign_server::challenge::view::{Action, Choose, Context, State, render};
use countersign_server::page::appearance::Appearance;
use countersign_server::page::assets::{CHALLENGE_CSS, CHALLENGE_JS, TOKENS_CSS};
use countersign_server::texts::Texts;

use crate::samples::{self, line, url};

const BUDGET: usize = 30 * 1024;

fn html(context: &Context, state: &State) -> String {
    render(Texts::load().unwrap().get("en"), context, state).unwrap()
}

/// The values of an attribute, wherever it stands.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let start = format!(" {attribute}=\"");
    html.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// All tags, without the text between them.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| rest.split('>').next())
}

#[test]
fn every_state_says_what_it_said() {
    for (name, context, state) in samples::all() {
        // Hashed names change with every stylesheet; what a page says doesn't.
        let html = [&TOKENS_CSS, &CHALLENGE_CSS, &CHALLENGE_JS]
            .iter()
            .fold(html(&context, &state), |html, asset| html.replace(&asset.href(), "/assets/[hashed]"));
        insta::assert_snapshot!(name, html);
    }
}

#[test]
fn no_text_is_missing() {
    for (name, context, state) in samples::all() {
        let html = html(&context, &state);
        assert!(!html.contains('⟦') && !html.contains("{$"), "{name}: {html}");
    }
}

#[test]
fn nothing_is_inline_and_nothing_is_foreign() {
    for (name, context, state) in samples::all() {
        let html = html(&context, &state);
        assert!(!html.contains("<style"), "{name}");
        for tag in tags(&html) {
            assert!(!tag.contains(" style="), "{name}: {tag}");
            assert!(!tag.to_lowercase().contains(" on"), "{name}: {tag}");
            assert!(!tag.starts_with("script") || tag.contains(" src=\"/assets/"), "{name}: {tag}");
        }
        let addresses = ["href", "src", "action"].iter().flat_map(|attribute| values(&html, attribute));
        for address in addresses {
            let ours = address.starts_with('/') && !address.starts_with("//");
            assert!(ours || address.starts_with("https://shop.example/"), "{name}: {address}");
        }
    }
}

#[test]
fn a_page_with_everything_it_loads_stays_light() {
    let assets: usize = [&TOKENS_CSS, &CHALLENGE_CSS, &CHALLENGE_JS].iter().map(|asset| asset.bytes.len()).sum();
    for (name, context, state) in samples::all() {
        let size = html(&context, &state).len() + assets;
        assert!(size < BUDGET, "{name}: {size} bytes");
    }
}

#[test]
fn every_page_has_a_title_a_heading_and_a_main_part() {
    for (name, context, state) in samples::all() {
        let html = html(&context, &state);
        for tag in ["<main>", "<h1>", "<title>"] {
            assert_eq!(html.matches(tag).count(), 1, "{name}: {tag}");
        }
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"), "{name}");
    }
}

#[test]
fn every_form_carries_its_token() {
    for (name, context, state) in samples::all() {
        let html = html(&context, &state);
        for form in html.split("<form ").skip(1).filter_map(|rest| rest.split("</form>").next()) {
            assert!(form.starts_with("method=\"post\" action=\"/challenge/chl_"), "{name}: {form}");
            assert!(
                form.contains("name=\"csrf\" value=\"csrf-token\"") || form.contains("name=\"token\""),
                "{name}: {form}"
            );
        }
    }
}

#[test]
fn hostile_words_stay_words() {
    let attack = "\"><script>alert(1)</script><b onx='";
    let mut context = samples::sharing();
    context.project = Some(line(attack));
    context.csrf = attack.into();
    context.appearance =
        Appearance { logo: Some(url("https://shop.example/logo.png?\"><script>")), ..Appearance::default() };
    if let Some(confirming) = &mut context.confirming {
        confirming.action = Action::Other(line(attack));
        confirming.device = Some(line(attack));
        confirming.place = Some(line(attack));
    }
    for (name, _, state) in samples::all() {
        let html = html(&context, &state);
        assert!(!html.contains("<script>") && !html.contains("<b "), "{name}: {html}");
    }
}

#[test]
fn a_skip_is_offered_only_where_it_is_allowed() {
    let state = State::Choose(Choose { choices: vec![samples::email()], failed: false });
    assert!(!html(&samples::context(), &state).contains("/skip\""));
    assert!(html(&samples::sharing(), &state).contains("/skip\""));
    assert!(!html(&samples::sharing(), &State::Failed).contains("/skip\""), "an end can't be skipped");
}

#[test]
fn the_operators_stylesheet_is_linked_last_and_only_if_there_is_one() {
    let mut context = samples::context();
    assert!(!html(&context, &State::Expired).contains("appearance.css"));
    context.appearance.custom_css = Some("h1{}".into());
    let html = html(&context, &State::Expired);
    let links = html.split("rel=\"stylesheet\"").skip(1).filter_map(|rest| values(rest, "href").first().copied());
    let last = links.last();
    assert_eq!(last, Some("/challenge/chl_01k0000000000000000000000/appearance.css"));
}
