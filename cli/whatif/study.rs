//! A study: the base, and every combination of what is varied.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use periplus_core::Sink;
use periplus_core::units::Span;
use periplus_sim::ensemble::{Day, Stratum};
use periplus_sim::{Fork, Outcome, Twins, Watch, run as simulate};
use periplus_spec::Setting;
use periplus_spec::scenario::Scenario;

use crate::failure::Failure;
use crate::recorded::Recorded;
use crate::whatif::draws::{Draws, Sample, Strata, Uncertainty};
use crate::whatif::weighed::Weighed;

/// A study can have so many variants; more are a slip of the hand.
const VARIANTS_MAX: usize = 1_000;
/// A range stands for so many values at most.
const RANGE_MAX: i64 = 1_000;

/// With fewer days those of a stratum are alike by chance too often, and then nothing seems to be unsure.
const STRATIFIED_LEAST: u64 = 10;

/// Variants of a scenario, or of what was recorded, over seeds.
pub(crate) struct Study {
    /// Where there is a base, it is the first.
    pub(crate) variants: Vec<Variant>,
    /// What all variants set alike: it is not in their names.
    pub(crate) common: Vec<String>,
    pub(crate) seeds: Vec<u64>,
    /// Which days each of them is drawn from.
    pub(crate) strata: Vec<Stratum>,
    /// What a seed stands for.
    pub(crate) draws: Draws,
    /// Every file that was read for any of the variants; none of a log.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The log that all variants begin as, if there is one.
    pub(crate) recorded: Option<Box<Recorded>>,
}

/// What a study is about.
pub(crate) enum Subject<'a> {
    Scenario(&'a Path),
    Recorded(Box<Recorded>),
}

/// Whether the scenario as it is belongs to a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// What the others are compared with.
    First,
    /// Only variants are of interest.
    None,
}

/// A scenario, or a log, with some of its fields set otherwise.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) settings: Vec<Setting>,
    pub(crate) world: Way,
    /// What stands for all that its runs are made from, but for the seed.
    pub(crate) fingerprint: String,
}

/// How a variant comes about.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// From nothing.
    Simulated(Scenario),
    /// As a log begins.
    Forked(Fork),
}

impl Study {
    /// Reads the scenario once for every variant. What is varied is combined in every way; what is set holds in
    /// every variant, and not in the base.
    pub(crate) fn new(
        subject: Subject<'_>,
        set: &[String],
        vary: &[String],
        sample: Sample,
        base: Base,
    ) -> Result<Self, Failure> {
        let set = settings(set)?;
        let mut combinations: Vec<Vec<Setting>> = vec![Vec::new()];
        for text in vary {
            let values = values(text)?;
            let longer = combinations.iter().flat_map(|before| {
                values.iter().map(|value| before.iter().chain([value]).cloned().collect())
            });
            combinations = longer.collect();
            if combinations.len() > VARIANTS_MAX {
                return Err(Failure::Usage {
                    message: format!("these are more than {VARIANTS_MAX} variants"),
                    hint: "vary fewer things at once, or fewer values of each".into(),
                });
            }
        }
        combinations.retain(|varied| !(varied.is_empty() && set.is_empty()));
        let settings = combinations.into_iter().map(|varied| [set.clone(), varied].concat());
        let base = (base == Base::First).then(Vec::new);
        Self::of(subject, base.into_iter().chain(settings), sample)
    }

    /// The same with each variant's settings said.
    pub(crate) fn of(
        subject: Subject<'_>,
        variants: impl IntoIterator<Item = Vec<Setting>>,
        sample: Sample,
    ) -> Result<Self, Failure> {
        let Sample { draws, count, skip } = sample;
        let mut files = BTreeSet::new();
        let variants = variants.into_iter();
        let variants = variants.map(|settings| Variant::new(&subject, settings, draws, &mut files));
        let variants: Vec<Variant> = variants.collect::<Result<_, _>>()?;
        variants.iter().try_for_each(|variant| draws.require(&variant.world))?;
        let common = common(&variants);
        let mut variants = variants;
        variants.iter_mut().for_each(|variant| variant.name_without(&common));
        let first = variants[0].scenario().seed;
        let recorded = match subject {
            Subject::Scenario(_) => None,
            Subject::Recorded(recorded) => Some(recorded),
        };
        let stratified = count >= STRATIFIED_LEAST
            && variants.iter().any(|variant| draws.failing(&variant.world).is_some());
        let strata = (skip..skip + count).map(|number| match (stratified, number % 2) {
            (false, _) => Stratum::All,
            (true, 0) => Stratum::Calm,
            (true, _) => Stratum::Failing,
        });
        let strata: Vec<Stratum> = strata.collect();
        let seeds = (skip..skip + count).map(|more| first.wrapping_add(more)).collect();
        Ok(Self { variants, common, seeds, strata, draws, files, recorded })
    }

    /// The world of a run of a variant, by the run's place among those of one variant.
    pub(crate) fn world(&self, variant: &Variant, run: usize) -> Way {
        let (stratum, seed) = (self.stratum(variant, run), self.seeds[run]);
        let day = match self.drawn() {
            Strata::Apart => Day::of(stratum, seed),
            Strata::Together => Day::any(seed),
        };
        self.draws.draw(&variant.world, day)
    }

    fn drawn(&self) -> Strata {
        if self.strata.contains(&Stratum::Failing) { Strata::Apart } else { Strata::Together }
    }

    /// Which days a run of a variant is drawn from: all where nothing seldom fails.
    pub(crate) fn stratum(&self, variant: &Variant, run: usize) -> Stratum {
        match self.draws.failing(&variant.world) {
            Some(_) => self.strata[run],
            None => Stratum::All,
        }
    }

    /// The part of all that a run of a variant counts for.
    pub(crate) fn part(&self, variant: &Variant, run: usize) -> f64 {
        let alike = self.strata.iter().filter(|stratum| **stratum == self.strata[run]).count();
        match (self.stratum(variant, run), self.draws.failing(&variant.world)) {
            (Stratum::Calm, Some(failing)) => (1.0 - failing) / alike as f64,
            (Stratum::Failing, Some(failing)) => failing / alike as f64,
            (Stratum::All, _) | (_, None) => 1.0 / self.seeds.len() as f64,
        }
    }

    /// How the runs of a variant count, before anything has come out of them.
    pub(crate) fn frame(&self, variant: &Variant) -> Vec<Weighed> {
        let one = |run| Weighed {
            part: self.part(variant, run),
            stratum: stratum_of(self.strata[run]),
            value: 0.0,
        };
        (0..self.seeds.len()).map(one).collect()
    }

    /// What intervals over its runs cover.
    pub(crate) fn uncertainty(&self) -> Uncertainty {
        let seldom = |variant: &&Variant| self.draws.failing(&variant.world).is_some();
        let telling = self.variants.iter().find(seldom).unwrap_or(&self.variants[0]);
        self.draws.uncertainty(&telling.world, self.drawn())
    }

    /// What it is about, for people.
    pub(crate) fn name(&self) -> String {
        match &self.recorded {
            Some(recorded) => recorded.name(),
            None => self.variants[0].scenario().name.clone(),
        }
    }

    /// Runs a world of this study.
    ///
    /// # Errors
    /// The machine or the world has a bug, a sink failed, or a log cannot be read any more.
    pub(crate) fn run<S: Sink + ?Sized>(
        &self,
        way: &Way,
        sink: &mut S,
        watcher: &mut dyn Watch,
    ) -> Result<Outcome, Failure> {
        match (way, &self.recorded) {
            (Way::Forked(fork), Some(recorded)) => {
                recorded.run(fork, Twins::Followed, sink, watcher)
            }
            (Way::Simulated(scenario) | Way::Forked(Fork { scenario, .. }), _) => {
                Ok(simulate(scenario, sink, watcher)?)
            }
        }
    }

    /// The variant of each run, and the run's place among those of one variant; base and seeds first.
    pub(crate) fn runs(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + '_ {
        let seeds = self.seeds.len();
        (0..self.variants.len() * seeds).map(move |run| (run / seeds, run % seeds))
    }

    /// What stands for all that a run of a variant is made from.
    pub(crate) fn fingerprint(&self, variant: &Variant, run: usize) -> String {
        let stratum = match (self.stratum(variant, run), self.drawn()) {
            (Stratum::All, Strata::Together) => "",
            (Stratum::All, Strata::Apart) => ".all",
            (Stratum::Calm, _) => ".calm",
            (Stratum::Failing, _) => ".failing",
        };
        format!("{}{stratum}-{}", variant.fingerprint, self.seeds[run])
    }
}

impl Variant {
    fn new(
        subject: &Subject<'_>,
        settings: Vec<Setting>,
        draws: Draws,
        files: &mut BTreeSet<PathBuf>,
    ) -> Result<Self, Failure> {
        let (world, fingerprint) = match subject {
            Subject::Scenario(path) => {
                let loaded = periplus_spec::load_with(path, &settings).map_err(Failure::Files)?;
                files.extend(loaded.files);
                let drawn = if draws == Draws::Days { ".days" } else { "" };
                let fingerprint = format!("{:032x}{drawn}", loaded.scenario.hash);
                (Way::Simulated(loaded.scenario), fingerprint)
            }
            Subject::Recorded(recorded) => {
                let (fork, fingerprint) = recorded.fork(&settings)?;
                (Way::Forked(fork), fingerprint)
            }
        };
        Ok(Self { name: String::new(), settings, world, fingerprint })
    }

    fn name_without(&mut self, common: &[String]) {
        let texts = self.settings.iter().map(Setting::text);
        let own: Vec<&str> =
            texts.filter(|text| !common.iter().any(|known| known == text)).collect();
        self.name = match (own.is_empty(), self.settings.is_empty()) {
            (false, _) => own.join(", "),
            (true, true) => "base".into(),
            (true, false) => common.join(", "),
        };
    }

    /// Its world.
    pub(crate) fn scenario(&self) -> &Scenario {
        self.world.scenario()
    }
}

impl Way {
    pub(crate) fn scenario(&self) -> &Scenario {
        match self {
            Self::Simulated(scenario) => scenario,
            Self::Forked(fork) => &fork.scenario,
        }
    }

    fn scenario_mut(&mut self) -> &mut Scenario {
        match self {
            Self::Simulated(scenario) => scenario,
            Self::Forked(fork) => &mut fork.scenario,
        }
    }

    /// The same with another seed.
    pub(crate) fn with_seed(&self, seed: u64) -> Self {
        let mut way = self.clone();
        way.scenario_mut().seed = seed;
        way
    }

    /// The same, ending after `lasts` at the latest.
    pub(crate) fn shortened(&self, lasts: Span) -> Self {
        let mut way = self.clone();
        let scenario = way.scenario_mut();
        scenario.duration = scenario.duration.min(lasts);
        way
    }
}

/// Settings as they were written.
pub(crate) fn settings(texts: &[String]) -> Result<Vec<Setting>, Failure> {
    let one = |text: &String| {
        let (path, value) = Setting::split(text).map_err(refused)?;
        setting(path, value)
    };
    texts.iter().map(one).collect()
}

/// A setting whose value stands here, or in a file that is named behind an `@`.
fn setting(path: &str, value: &str) -> Result<Setting, Failure> {
    let Some(file) = value.strip_prefix('@') else {
        return Setting::new(path, value).map_err(refused);
    };
    let content = std::fs::read_to_string(file)
        .map_err(|error| Failure::io("read", Path::new(file), &error))?;
    Setting::from_file(path, file, &content).map_err(refused)
}

/// The number of a stratum.
pub(crate) fn stratum_of(stratum: Stratum) -> usize {
    match stratum {
        Stratum::All | Stratum::Calm => 0,
        Stratum::Failing => 1,
    }
}

/// What all of several variants set alike.
fn common(variants: &[Variant]) -> Vec<String> {
    let [first, others @ ..] = variants else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    let sets =
        |variant: &Variant, text: &str| variant.settings.iter().any(|one| one.text() == text);
    let texts = first.settings.iter().map(Setting::text);
    let common = texts.filter(|text| others.iter().all(|other| sets(other, text)));
    common.map(str::to_owned).collect()
}

/// The settings that `path=a,b,c` or `path=1..4` stands for.
pub(crate) fn values(text: &str) -> Result<Vec<Setting>, Failure> {
    let (path, said) = Setting::split(text).map_err(refused)?;
    let values = match range(said) {
        Some(range) => range?,
        None => parted(said),
    };
    values.iter().map(|value| setting(path, value)).collect()
}

/// The whole numbers from the first to the last, if it is a range.
fn range(text: &str) -> Option<Result<Vec<String>, Failure>> {
    let (first, last) = text.split_once("..")?;
    let (first, last): (i64, i64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some(if first <= last && last - first < RANGE_MAX {
        Ok((first..=last).map(|value| value.to_string()).collect())
    } else {
        Err(Failure::Usage {
            message: format!("`{text}` is not a range from a smaller to a larger number"),
            hint: format!("write the first and the last, as in `1..4`; at most {RANGE_MAX} values"),
        })
    })
}

/// The values between commas, but for those inside of brackets.
fn parted(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut depth = 0_u32;
    for letter in text.chars() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ',' && depth == 0 {
            values.push(String::new());
        } else {
            values.last_mut().expect("there is always one").push(letter);
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

pub(crate) fn refused(wrong: periplus_spec::diagnostic::Diagnostic) -> Failure {
    Failure::Files(vec![wrong])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parted_at_commas_and_ranges_are_counted_out() {
        let said = |text| {
            let values = values(text).map_err(|failure| failure.brief());
            values.map(|values| values.iter().map(|one| one.text().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(said("a=1,2"), Ok(vec!["a=1".into(), "a=2".into()]));
        assert_eq!(said("a=2..4"), Ok(vec!["a=2".into(), "a=3".into(), "a=4".into()]));
        assert_eq!(
            said("a={b: 1, c: 2},{b: 3}"),
            Ok(vec!["a={b: 1, c: 2}".into(), "a={b: 3}".into()])
        );
        assert!(said("a=4..2").is_err());
        assert!(said("a").is_err());
    }
}
