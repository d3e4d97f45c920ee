//! Rules and inputs, described once, for every engine that is compared: see the benchmark.

/// What a rule compares.
#[derive(Clone, Debug)]
pub enum Comparison {
    /// A yes-or-no that holds.
    Holds(&'static str),
    /// A number above another.
    Above(&'static str, u32),
    /// A text that is another.
    Is(&'static str, &'static str),
}

/// `first and (second or third) and last`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What must hold.
    pub first: Comparison,
    /// One of these must hold, too.
    pub either: [Comparison; 2],
    /// And this.
    pub last: Comparison,
}

/// What is known of a request: everything that rules ask.
#[derive(Clone, Debug)]
pub struct Input {
    /// Yes or no, in the order of [`FLAGS`].
    pub flags: Vec<bool>,
    /// In the order of [`NUMBERS`].
    pub numbers: Vec<u32>,
    /// A country.
    pub country: &'static str,
}

/// Checks that are yes or no.
pub const FLAGS: [&str; 12] = [
    "is_new_user",
    "is_new_ip",
    "is_new_fingerprint",
    "is_new_device",
    "is_new_country",
    "is_new_asn",
    "ip_is_hosting",
    "ip_is_vpn",
    "ip_is_tor",
    "timezone_mismatch",
    "is_headless",
    "is_automated",
];
/// Checks that are numbers.
pub const NUMBERS: [&str; 4] = ["user_age_days", "device_count", "fingerprint_user_count", "ip_user_count"];
/// The check that is a text, and what it may be.
pub const COUNTRY: &str = "ip_country";
const COUNTRIES: [&str; 4] = ["FR", "DE", "US", "JP"];

/// Numbers that look drawn and are the same in every run.
#[derive(Debug)]
pub struct Draw(pub u64);

impl Draw {
    /// One below `below`.
    pub fn below(&mut self, below: u32) -> u32 {
        // SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % u64::from(below)) as u32
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }

    fn comparison(&mut self) -> Comparison {
        match self.below(6) {
            0 => Comparison::Is(COUNTRY, self.of(&COUNTRIES)),
            1 => Comparison::Above(self.of(&NUMBERS), self.below(60)),
            _ => Comparison::Holds(self.of(&FLAGS)),
        }
    }

    /// So many rules. The last comparison of each fails for [`quiet`](Draw::quiet) inputs.
    pub fn rules(&mut self, count: usize) -> Vec<Rule> {
        let rule = |_| Rule {
            first: self.comparison(),
            either: [self.comparison(), self.comparison()],
            last: Comparison::Above(self.of(&NUMBERS), 5 + self.below(50)),
        };
        (0..count).map(rule).collect()
    }

    fn input(&mut self, most: u32) -> Input {
        Input {
            flags: FLAGS.iter().map(|_| self.below(2) == 1).collect(),
            numbers: NUMBERS.iter().map(|_| self.below(most)).collect(),
            country: self.of(&COUNTRIES),
        }
    }

    /// An input of which any rule may hold.
    pub fn any(&mut self) -> Input {
        self.input(60)
    }

    /// An input of which no rule holds, though most of most rules does: nobody can stop early.
    pub fn quiet(&mut self) -> Input {
        self.input(6)
    }
}

impl Comparison {
    /// As text: `prefix` goes before a name, `text` writes a comparison of a text.
    pub fn written(&self, prefix: &str, equals: &str) -> String {
        match self {
            Self::Holds(name) => format!("{prefix}{name}"),
            Self::Above(name, number) => format!("{prefix}{name} > {number}"),
            Self::Is(name, text) => format!("{prefix}{name} {equals} \"{text}\""),
        }
    }
}
