//! The operator's look: a logo, two colours, a stylesheet. Colours are values, and every text set on or in them keeps the
//! contrast that WCAG 2.2 asks for (1.4.3: 4.5 to 1), whatever colour was chosen.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The contrast that text needs (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;

const BLACK: Colour = Colour([0, 0, 0]);
const WHITE: Colour = Colour([255, 255, 255]);
/// `--surface` of `tokens.css`, light and dark: what coloured text stands on.
const SURFACES: [Colour; 2] = [WHITE, Colour([0x17, 0x1a, 0x20])];

/// An opaque sRGB colour, read from and written as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// Not of the form `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb, such as #3552c9")]
pub struct ColourError;

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|d| u32::from_str_radix(d, 16).ok()).ok_or(ColourError)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// Relative luminance, 0 (black) to 1 (white), as WCAG 2.2 defines it.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio, 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever reads better on this colour. The better one always reaches 4.58 to 1.
    fn ink(self) -> Self {
        if self.contrast(WHITE) >= READABLE || self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// This colour, moved towards black or white just as far as it takes to be read on `ground`.
    fn readable_on(self, ground: Self) -> Self {
        let end = ground.ink();
        let moved = (0..=32).map(|step| self.mixed(end, step)).find(|colour| colour.contrast(ground) >= READABLE);
        moved.unwrap_or(end)
    }

    /// `step` thirty-seconds of the way to `end`.
    fn mixed(self, end: Self, step: u16) -> Self {
        let mix = |from: u8, to: u8| {
            let sum = u16::from(from) * (32 - step) + u16::from(to) * step;
            u8::try_from(sum / 32).unwrap_or(to)
        };
        let ([red, green, blue], [end_red, end_green, end_blue]) = (self.0, end.0);
        Self([mix(red, end_red), mix(green, end_green), mix(blue, end_blue)])
    }
}

/// What an operator sets. Everything is optional; the default look needs none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Shown above the page, at most 2.5 rem high. Its origin joins the page's `img-src`.
    pub logo: Option<Url>,
    /// Buttons; in a readable shade also links and focus rings.
    pub accent: Option<Colour>,
    /// What lies behind the card, in light mode. Dark mode keeps its own.
    pub background: Option<Colour>,
    /// Rules of the operator's own, last in the cascade. They can load nothing: the page's policy forbids it.
    pub custom_css: Option<String>,
}

impl Appearance {
    /// Whether there is a stylesheet to link to.
    pub fn has_css(&self) -> bool {
        self.accent.is_some() || self.background.is_some() || self.custom_css.is_some()
    }
}

/// The stylesheet at `/challenge/{id}/appearance.css`. It overrides tokens and adds the operator's rules.
pub fn appearance_css(appearance: &Appearance) -> String {
    let [light, dark] = SURFACES.map(|surface| appearance.accent.map(|accent| accent_tokens(accent, surface)));
    let ground =
        appearance.background.map(|c| format!("--page:{c};--on-page:{}", Colour([0x55, 0x5b, 0x66]).readable_on(c)));
    let light: Vec<String> = light.into_iter().chain(ground).collect();
    let rule = |tokens: &str| if tokens.is_empty() { String::new() } else { format!(":root{{{tokens}}}\n") };
    let in_the_dark = |rules: &str| format!("@media (prefers-color-scheme:dark){{{}}}\n", rules.trim_end());
    // A ground for the light would swallow dark mode's, which was set before it.
    let dark_ground = appearance.background.map(|_| "--page:#0e1014;--on-page:#a4abb8".to_owned());
    let dark: Vec<String> = dark.into_iter().chain(dark_ground).collect();
    let mut css = rule(&light.join(";"));
    if !dark.is_empty() {
        css += &in_the_dark(&rule(&dark.join(";")));
    }
    css + appearance.custom_css.as_deref().unwrap_or_default()
}

fn accent_tokens(accent: Colour, surface: Colour) -> String {
    format!("--accent:{accent};--on-accent:{};--accent-text:{}", accent.ink(), accent.readable_on(surface))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn a_colour_is_six_hex_digits_and_nothing_else() {
        assert_eq!(colour("#3552C9").to_string(), "#3552c9");
        for wrong in ["", "3552c9", "#fff", "red", "#3552c9;}", "#+552c9", "#3552c9ff", "#35 2c9"] {
            assert_eq!(wrong.parse::<Colour>(), Err(ColourError), "{wrong}");
        }
    }

    #[test]
    fn contrast_is_wcags() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        assert!((colour("#767676").contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_colour_stays_readable() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let accent = Colour([red, green, blue]);
                    assert!(accent.contrast(accent.ink()) >= READABLE, "{accent}");
                    for ground in SURFACES.into_iter().chain([accent]) {
                        assert!(accent.readable_on(ground).contrast(ground) >= READABLE, "{accent} on {ground}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_readable_accent_is_left_alone() {
        assert_eq!(colour("#3552c9").readable_on(WHITE), colour("#3552c9"));
    }

    #[test]
    fn the_surfaces_are_those_of_the_tokens() {
        let tokens = include_str!("../../assets/tokens.css");
        for surface in SURFACES {
            assert!(tokens.contains(&format!("--surface: {surface};")), "{surface}");
        }
    }

    #[test]
    fn the_operators_rules_come_last() {
        let appearance = Appearance {
            accent: Some(colour("#ffd400")),
            background: Some(colour("#102030")),
            custom_css: Some("h1{font-style:italic}".into()),
            ..Appearance::default()
        };
        let css = appearance_css(&appearance);
        assert!(css.starts_with(":root{--accent:#ffd400;--on-accent:#000000;--accent-text:#"), "{css}");
        assert!(css.ends_with("h1{font-style:italic}"), "{css}");
        assert_eq!(appearance_css(&Appearance::default()), "");
        assert!(!Appearance::default().has_css());
    }
}
