//! How long messages take.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// A distribution of one-way latencies, in microseconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Fixed(u64),
    /// Anything between two bounds, equally likely.
    Uniform(u64, u64),
    /// Log-normal: the median, and the standard deviation of the logarithm.
    LogNormal {
        /// Half of the messages are quicker.
        median_us: u64,
        /// The standard deviation of the natural logarithm: 0.5 is a calm network, 1.5 a wild one.
        sigma: f64,
    },
    /// Branch `id` is in region `id` modulo the number of regions; the table gives the time from one
    /// region (row) to another (column). Each message takes up to a tenth more.
    Regions(Vec<Vec<u64>>),
}

/// A region's own latency, and those between five continents, one way: halves of the round trips
/// that large cloud providers publish.
const CONTINENTS: [[u64; 5]; 5] = [
    [500, 40_000, 75_000, 85_000, 60_000],
    [40_000, 500, 110_000, 100_000, 95_000],
    [75_000, 110_000, 500, 35_000, 150_000],
    [85_000, 100_000, 35_000, 500, 145_000],
    [60_000, 95_000, 150_000, 145_000, 500],
];

impl std::str::FromStr for Latency {
    type Err = String;

    /// "2000" (microseconds), "100-5000", "log-normal:2000:0.5", "continents", or a table of regions,
    /// as in `[[500,40000],[40000,500]]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "latency {text:?} is not right: write microseconds, such as \"2000\", \"100-5000\" or \"log-normal:2000:0.5\" \
                 (median and sigma), or \"continents\""
            )
        };
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let latency = if text == "continents" {
            Self::continents()
        } else if text.starts_with('[') {
            Self::Regions(serde_json::from_str(text).map_err(|_| wrong())?)
        } else if let Some(rest) = text.strip_prefix("log-normal:") {
            let (median, sigma) = rest.split_once(':').ok_or_else(wrong)?;
            Self::LogNormal { median_us: number(median)?, sigma: sigma.trim().parse().map_err(|_| wrong())? }
        } else if let Some((least, most)) = text.split_once('-') {
            Self::Uniform(number(least)?, number(most)?)
        } else {
            Self::Fixed(number(text)?)
        };
        latency.check()?;
        Ok(latency)
    }
}

impl Latency {
    /// Five continents: North America, Europe, South-East Asia, Japan, South America.
    pub fn continents() -> Self {
        Self::Regions(CONTINENTS.iter().map(|row| row.to_vec()).collect())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Uniform(least, most) if least <= most => Ok(()),
            Self::Uniform(least, most) => Err(format!("a latency from {least} to {most} us has no values")),
            Self::LogNormal { sigma, .. } if (0.0..=5.0).contains(sigma) => Ok(()),
            Self::LogNormal { sigma, .. } => Err(format!("sigma is {sigma}: give 0 to 5")),
            Self::Regions(table) if !table.is_empty() && table.iter().all(|row| row.len() == table.len()) => Ok(()),
            Self::Regions(_) => Err("a table of regions needs as many columns as rows, and one at least".to_owned()),
        }
    }

    /// What a message from one branch to another (ids) usually takes.
    pub fn between(&self, from: u32, to: u32) -> u64 {
        match self {
            Self::Fixed(_) | Self::Uniform(..) | Self::LogNormal { .. } => self.usual(),
            Self::Regions(table) => {
                let region = |id: u32| id as usize % table.len().max(1);
                table.get(region(from)).and_then(|row| row.get(region(to))).copied().unwrap_or(0)
            }
        }
    }

    /// What a message usually takes.
    pub fn usual(&self) -> u64 {
        match self {
            Self::Fixed(time) => *time,
            Self::Uniform(least, most) => least.midpoint(*most),
            Self::LogNormal { median_us, .. } => *median_us,
            Self::Regions(table) => table.iter().flatten().copied().max().unwrap_or(0),
        }
    }

    /// One message's latency from one branch to another (ids).
    pub(super) fn draw(&self, rng: &mut Rng, from: u32, to: u32) -> u64 {
        match self {
            Self::Fixed(time) => *time,
            Self::Uniform(least, most) => rng.u64(*least..=*most),
            Self::LogNormal { median_us, sigma } => {
                // Box and Muller; 1 - u is never 0.
                let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * rng.f64()).cos();
                (*median_us as f64 * (sigma * normal).exp()).min(1e9) as u64
            }
            Self::Regions(table) => {
                let region = |id: u32| id as usize % table.len();
                let time = table[region(from)][region(to)];
                time + rng.u64(0..=time / 10)
            }
        }
    }
}
