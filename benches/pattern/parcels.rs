//! Events and rules in the shape of the San Francisco parcels that event-ruler benchmarks on, drawn from a fixed seed.

/// A stream of numbers that its seed tells.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A parcel: what rules ask about, and its line.
pub struct Parcel {
    map_lot: String,
    block: String,
    street: &'static str,
    from: String,
    x: f64,
    pub line: String,
}

const STREETS: [&str; 24] = [
    "FULTON",
    "MASON",
    "HYDE",
    "MISSION",
    "JACKSON",
    "WASHINGTON",
    "HARRISON",
    "LAKE",
    "IRVING",
    "SANTIAGO",
    "CHESTNUT",
    "17TH",
    "FOLSOM",
    "GREENWICH",
    "TURK",
    "CABRILLO",
    "CALIFORNIA",
    "GEARY",
    "BALBOA",
    "CLAY",
    "PINE",
    "BUSH",
    "SUTTER",
    "UNKNOWN",
];
const TYPES: [&str; 6] = ["ST", "ST", "ST", "AVE", "BLVD", "CT"];

/// So many parcels.
pub fn parcels(count: usize) -> Vec<Parcel> {
    let mut dice = Dice::new(20_260_721);
    (0..count).map(|_| parcel(&mut dice)).collect()
}

fn parcel(dice: &mut Dice) -> Parcel {
    let block = format!("{:04}", 1 + dice.roll(6_000));
    let lot = format!("{:03}", 1 + dice.roll(150));
    let (map_lot, street, from) =
        (format!("{block}{lot}"), STREETS[dice.roll(STREETS.len())], (1 + dice.roll(4_000)).to_string());
    let (x, y) = (-122.5145 + dice.share() * 0.14, 37.7083 + dice.share() * 0.1);
    let mut ring: Vec<(f64, f64)> = Vec::new();
    while ring.len() < 4 || (dice.roll(1_000) < 822 && ring.len() < 400) {
        ring.push((x + (dice.share() - 0.5) * 6e-4, y + (dice.share() - 0.5) * 6e-4));
    }
    ring.push(ring[0]);
    let points: Vec<String> = ring.iter().map(|(x, y)| format!("{{\"x\":{x},\"y\":{y},\"z\":0}}")).collect();
    let kind = match TYPES[dice.roll(TYPES.len())] {
        "CT" if dice.roll(3) == 0 => "null".to_owned(),
        kind => format!("\"{kind}\""),
    };
    let odd = if dice.roll(2) == 0 { "E" } else { "O" };
    let line = format!(
        "{{\"type\":\"Feature\",\"properties\":{{\"MAPBLKLOT\":\"{map_lot}\",\"BLKLOT\":\"{map_lot}\",\"BLOCK_NUM\":\"{block}\",\
         \"LOT_NUM\":\"{lot}\",\"FROM_ST\":\"{from}\",\"TO_ST\":\"{from}\",\"STREET\":\"{street}\",\"ST_TYPE\":{kind},\
         \"ODD_EVEN\":\"{odd}\"}},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[[{}]],\"firstCoordinates\":{}}}}}",
        points.join(","),
        points[0]
    );
    Parcel { map_lot, block, street, from, x: ring[0].0, line }
}

/// A lot that no parcel has.
fn nobody(at: usize) -> String {
    format!("{:07}{}{}", at * 7919 % 10_000_000, char::from(b'B' + (at % 21) as u8), at % 10)
}

/// So many rules with one exact value each: of the first ten thousand, one in ten is there.
pub fn exact(parcels: &[Parcel], count: usize) -> Vec<String> {
    (0..count)
        .map(|at| {
            let lot =
                if at % 10 == 0 && at < 10_000 { parcels[at / 10 % parcels.len()].map_lot.clone() } else { nobody(at) };
            format!("{{\"properties\":{{\"MAPBLKLOT\":[\"{lot}\"]}}}}")
        })
        .collect()
}

/// So many rules of all kinds.
pub fn mixed(parcels: &[Parcel], count: usize) -> Vec<String> {
    let mut dice = Dice::new(11);
    (0..count).map(|at| one(&mut dice, parcels, at)).collect()
}

fn one(dice: &mut Dice, parcels: &[Parcel], at: usize) -> String {
    let (kind, hit, about) = (dice.roll(100), dice.roll(10) == 0, &parcels[dice.roll(parcels.len())]);
    let lot = if hit { about.map_lot.clone() } else { nobody(at) };
    let fields = match kind {
        0..30 => format!("\"MAPBLKLOT\":[\"{lot}\"],\"ODD_EVEN\":[\"E\",\"O\"]"),
        30..45 => format!(
            "\"BLKLOT\":[{{\"prefix\":\"{}\"}}],\"ST_TYPE\":[{{\"anything-but\":[\"ALY\",\"HWY\"]}}]",
            &lot[..if hit { 6 } else { 8 }]
        ),
        45..55 => format!("\"MAPBLKLOT\":[{{\"suffix\":\"{}\"}}]", &lot[if hit { 2 } else { 3 }..]),
        55..65 => format!(
            "\"STREET\":[{{\"equals-ignore-case\":\"{}\"}}],\"FROM_ST\":[\"{}\"],\"BLOCK_NUM\":[\"{}\"]",
            about.street.to_lowercase(),
            about.from,
            about.block
        ),
        65..80 => {
            let (low, wide) = if hit { (about.x - 1e-6, 2e-6) } else { (about.x + (dice.share() - 0.5) * 2e-3, 2e-9) };
            return format!(
                "{{\"geometry\":{{\"type\":[\"Polygon\"],\"firstCoordinates\":{{\"x\":[{{\"numeric\":[\">=\",{low:.12},\"<\",{:.12}]}}]}}}}}}",
                low + wide
            );
        }
        80..90 => format!("\"STREET\":[{{\"anything-but\":[\"FULTON\",\"MASON\",\"HYDE\"]}}],\"BLKLOT\":[\"{lot}\"]"),
        90..95 => format!("\"MAPBLKLOT\":[{{\"wildcard\":\"{}*{}\"}}],\"ODD_EVEN\":[\"O\"]", &lot[..3], &lot[5..]),
        _ => format!(
            "\"LOT_NUM\":[{{\"exists\":true}}],\"BLOCK_NUM\":[\"{}\"],\"FROM_ST\":[\"{}\"],\"TO_ST\":[\"{}\"]",
            about.block, about.from, about.from
        ),
    };
    format!("{{\"properties\":{{{fields}}}}}")
}

/// So many wildcards on one field.
pub fn wild(count: usize) -> Vec<String> {
    let mut dice = Dice::new(7);
    let mut of = |_| {
        let end = char::from(b'B' + dice.roll(22) as u8);
        format!(
            "{{\"properties\":{{\"MAPBLKLOT\":[{{\"wildcard\":\"{:02}*{:02}*{end}\"}}]}}}}",
            dice.roll(100),
            dice.roll(100)
        )
    };
    (0..count).map(&mut of).collect()
}
