//! Demand: how many users ask for an app, where, and when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::SelectionDraft;
use crate::values::{Duration, Name, Number, Percentage, Rate, TimeOfDay, TimeZone};

/// The demand for one app from some zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Demand")]
pub struct DemandDraft {
    /// The app that is asked for.
    pub app: Name,
    /// From where: every zone where it is not given. Not with `commuters`, which name their own.
    #[serde(default)]
    pub zones: Option<SelectionDraft>,
    /// How the model's rate becomes that of single zones.
    #[serde(default)]
    pub share: ShareDraft,
    /// How much there is, and when.
    pub model: ModelDraft,
    /// All rates are multiplied by this.
    #[serde(default = "one")]
    pub growth: Number,
    /// How far single values stray from the model, up or down.
    #[serde(default)]
    pub noise: Percentage,
    /// What the signal shows.
    #[serde(default)]
    pub signal: SignalDraft,
    /// Whose clock the model means.
    #[serde(default)]
    pub timezone: TimeZone,
}

impl DemandDraft {
    /// The demand for an app, as a model says, with defaults for the rest.
    #[must_use]
    pub fn new(app: Name, model: ModelDraft) -> Self {
        Self {
            app,
            zones: None,
            share: ShareDraft::default(),
            model,
            growth: one(),
            noise: Percentage::default(),
            signal: SignalDraft::default(),
            timezone: TimeZone::default(),
        }
    }
}

/// How a model's rate becomes that of single zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Share")]
pub enum ShareDraft {
    /// It is the sum of all zones, shared in proportion to their users.
    #[default]
    Users,
    /// It is the sum of all zones, shared equally.
    Equal,
    /// Each zone has all of it.
    Each,
    /// Each zone has a column of its own name in the trace.
    Column,
}

/// What a demand signal shows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Signal")]
pub enum SignalDraft {
    /// What users ask for, measured where they enter.
    #[default]
    Offered,
    /// What was served: a lower bound of the demand while the serving cluster is saturated. It shows nothing where
    /// nobody serves, so it never wakes an application by itself.
    Served,
}

/// How much demand there is, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Model")]
pub enum ModelDraft {
    /// Always the same, in requests per second.
    Constant(Rate),
    /// Rises and falls with the day.
    Diurnal(DiurnalDraft),
    /// Jumps at given times.
    Steps(Vec<StepDraft>),
    /// One peak out of the blue.
    FlashCrowd(FlashCrowdDraft),
    /// Users who move between zones in the morning and in the evening.
    Commuters(CommutersDraft),
    /// A recorded series.
    Trace(TraceDraft),
}

/// A rate that rises and falls with the day as a cosine, between `low` and `high`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Diurnal")]
pub struct DiurnalDraft {
    /// The rate twelve hours from the peak, in requests per second.
    pub low: Rate,
    /// The rate at the peak.
    pub high: Rate,
    /// When the peak is.
    #[serde(default = "eight_in_the_evening")]
    pub peak_at: TimeOfDay,
    /// What rates are multiplied by on Saturdays and Sundays.
    #[serde(default = "one")]
    pub weekend: Number,
}

/// A rate from a point in time on, kept to a thousandth of the highest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Step")]
pub struct StepDraft {
    /// From when on, counted from the start of the scenario. Nothing is asked for before the first.
    pub at: Duration,
    /// In requests per second.
    pub rate: Rate,
}

/// One peak: a steady rate, a rise in a straight line, and a fall that halves the excess again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "FlashCrowd")]
pub struct FlashCrowdDraft {
    /// The rate before and long after, in requests per second.
    pub base: Rate,
    /// The highest rate.
    pub peak: Rate,
    /// When the rise begins, counted from the start of the scenario.
    pub at: Duration,
    /// How long it takes.
    #[serde(default = "five_minutes")]
    pub rise: Duration,
    /// How long the highest rate lasts.
    #[serde(default)]
    pub stay: Duration,
    /// The time in which what exceeds the base falls by half.
    #[serde(default = "half_an_hour")]
    pub fall: Duration,
}

/// Users who are at home by night and, in part, at work by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Commuters")]
pub struct CommutersDraft {
    /// The rate of all of them together, in requests per second.
    pub rate: Rate,
    /// Where they live.
    pub homes: SelectionDraft,
    /// Where they work. No zone may be both.
    pub works: SelectionDraft,
    /// The part of them that goes to work.
    #[serde(default = "sixty_percent")]
    pub part: Percentage,
    /// When the first leave home.
    #[serde(default = "seven_in_the_morning")]
    pub morning: TimeOfDay,
    /// When the first leave work.
    #[serde(default = "half_past_four")]
    pub evening: TimeOfDay,
    /// From the first to the last of them.
    #[serde(default = "two_hours")]
    pub spread: Duration,
    /// Whether they stay at home on Saturdays and Sundays.
    #[serde(default = "yes")]
    pub free_weekends: bool,
}

/// A recorded series from a column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Trace")]
pub struct TraceDraft {
    /// The file, relative to the one that names it.
    pub file: String,
    /// The column; not with `share: column`. An empty cell repeats the one before it.
    #[serde(default)]
    pub column: Option<String>,
    /// How long each row holds.
    pub step: Duration,
    /// What a value is.
    #[serde(default)]
    pub unit: TraceUnit,
    /// How far into the trace the scenario starts. After its end, the trace starts again.
    #[serde(default)]
    pub skip: Duration,
    /// What values are multiplied by. Not with `peak`.
    #[serde(default)]
    pub scale: Option<Number>,
    /// What the highest value of the whole trace stands for, in requests per second. Not with `scale`.
    #[serde(default)]
    pub peak: Option<Rate>,
}

/// What a value of a trace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TraceUnit {
    /// Requests per second.
    #[default]
    PerSecond,
    /// Requests in the step.
    PerStep,
}

const fn one() -> Number {
    Number::thousandths(1_000)
}

const fn clock(hours: u64, minutes: u64) -> TimeOfDay {
    TimeOfDay(periplus_core::units::Span((hours * 60 + minutes) * 60_000))
}

const fn eight_in_the_evening() -> TimeOfDay {
    clock(20, 0)
}

const fn seven_in_the_morning() -> TimeOfDay {
    clock(7, 0)
}

const fn half_past_four() -> TimeOfDay {
    clock(16, 30)
}

const fn five_minutes() -> Duration {
    Duration::seconds(300)
}

const fn half_an_hour() -> Duration {
    Duration::seconds(1_800)
}

const fn two_hours() -> Duration {
    Duration::seconds(7_200)
}

const fn sixty_percent() -> Percentage {
    Percentage(periplus_core::units::Permille(600))
}

const fn yes() -> bool {
    true
}
