//! From a study to what its page is told.

use std::path::Path;

use periplus_core::units::Tick;
use periplus_spec::Setting;
use periplus_spec::scenario::Scenario;

use crate::failure::Failure;
use crate::report::course::in_hours;
use crate::report::data::{
    CandidateTold, ClosenessTold, CourseTold, DifferenceTold, GoalTold, MeasureTold, PlanTold,
    ReportData, ScenarioTold, VERSION, VariantTold,
};
use crate::report::follow::Followed;
use crate::report::hours::{self, Atlas};
use crate::report::sentence;
use crate::report::series::{APPS_MAX, Grid};
use crate::report::short::{self, Short};
use crate::whatif::closeness::{self, Closeness};
use crate::whatif::compare::{CONFIDENCE, Difference};
use crate::whatif::goal::{Candidate, Goal};
use crate::whatif::measures::{self, Form, SHOWN, is_worth_telling};
use crate::whatif::runs::{Run, sample};
use crate::whatif::study::Study;
use crate::whatif::weighed::Weighed;
use crate::wording::clock;

/// So many variants are followed hour by hour, besides the one that they are compared with.
const FOLLOWED_MAX: usize = 12;

/// What was asked for.
pub(crate) struct Asked<'a> {
    /// The scenario's file.
    pub(crate) file: &'a Path,
    /// The command, as it can be given again.
    pub(crate) command: String,
    pub(crate) study: &'a Study,
    /// All runs of the study, in its order.
    pub(crate) runs: &'a [Run],
    pub(crate) jobs: usize,
    pub(crate) closeness: Option<&'a Closeness>,
    pub(crate) plan: Option<Planned<'a>>,
}

/// What `plan` was asked for and found.
pub(crate) struct Planned<'a> {
    pub(crate) minimize: &'a str,
    pub(crate) goals: &'a [Goal],
    /// In the order of the study's variants.
    pub(crate) candidates: &'a [Candidate],
    pub(crate) chosen: Option<usize>,
}

/// Everything that the page is told. Runs the first seed of some variants again.
///
/// # Errors
/// A run failed, or came out otherwise than the one that was kept.
pub(crate) fn gather(asked: &Asked<'_>) -> Result<ReportData, Failure> {
    let study = asked.study;
    let order = order(asked);
    let measures = Measured::of(asked);
    let samples = Samples { asked, order: &order, measures: &measures.paths };
    let mut atlas = Atlas::default();
    let followed = followed(asked, &order);
    followed.iter().for_each(|place| atlas.add(&study.variants[order[*place]].scenario().fleet));
    let places = followed.iter().map(|place| (*place, order[*place])).collect();
    let (runs, jobs, atlas) = (asked.runs, asked.jobs, &atlas);
    let courses = Followed { study, runs, places, atlas, jobs }.told()?;
    let notes = notes(asked, &courses);
    Ok(ReportData {
        version: VERSION,
        made_by: format!("periplus {}", env!("CARGO_PKG_VERSION")),
        command: asked.command.clone(),
        file: asked.file.display().to_string(),
        scenario: scenario(study.variants[order[0]].scenario()),
        seeds: study.seeds.clone(),
        drawn: study.draws.told(study.seeds.len()),
        uncertainty: study.uncertainty().told(),
        confidence: CONFIDENCE,
        closeness: asked.closeness.map(|closeness| ClosenessTold {
            from: clock(closeness.from),
            verdict: closeness.verdict(),
            head: closeness::HEAD,
            rows: closeness.told(),
            legend: closeness::LEGEND,
        }),
        variants: samples.variants(),
        differences: samples.differences(),
        plan: asked.plan.as_ref().map(|plan| planned(plan, &order, &measures.paths)),
        measures: measures.told,
        clusters: atlas.clusters.clone(),
        zones: atlas.zones.clone(),
        courses,
        notes,
    })
}

fn scenario(lead: &Scenario) -> ScenarioTold {
    ScenarioTold {
        name: lead.name.clone(),
        story: lead.story.clone(),
        hours: in_hours(Tick(lead.duration.0)),
        epoch_ms: lead.epoch_unix_ms,
        clusters: lead.fleet.clusters.len(),
        zones: lead.fleet.zones.len(),
        apps: lead.fleet.apps.iter().map(|app| app.name.clone()).collect(),
        fingerprint: format!("{:032x}", lead.hash),
    }
}

/// The variants in the order of the page: first the one that all others are compared with.
fn order(asked: &Asked<'_>) -> Vec<usize> {
    let all = 0..asked.study.variants.len();
    let lead = asked.plan.as_ref().map_or(0, |plan| {
        let prices = plan.candidates.iter().map(|candidate| candidate.price).enumerate();
        let cheapest = prices.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place);
        plan.chosen.unwrap_or(cheapest)
    });
    std::iter::once(lead).chain(all.filter(|place| *place != lead)).collect()
}

/// Which places of that order are followed hour by hour: of candidates, those of the frontier first.
fn followed(asked: &Asked<'_>, order: &[usize]) -> Vec<usize> {
    let mut others: Vec<usize> = (1..order.len()).collect();
    if let Some(plan) = &asked.plan {
        others.sort_by_key(|place| !plan.candidates[order[*place]].frontier);
    }
    others.truncate(FOLLOWED_MAX);
    others.sort_unstable();
    std::iter::once(0).chain(others).collect()
}

/// The numbers that are compared.
struct Measured {
    paths: Vec<String>,
    told: Vec<MeasureTold>,
}

impl Measured {
    /// What people are always shown, and what was asked for besides.
    fn of(asked: &Asked<'_>) -> Self {
        let told = |path: &str| asked.runs.iter().any(|run| is_worth_telling(path, &run.measures));
        let shown = SHOWN.iter().map(|shown| shown.path).filter(|path| told(path));
        let mut paths: Vec<String> = shown.map(str::to_owned).collect();
        if let Some(plan) = &asked.plan {
            let goals = plan.goals.iter().map(|goal| goal.measure.as_str());
            for path in std::iter::once(plan.minimize).chain(goals) {
                if !paths.iter().any(|known| known == path) {
                    paths.push(path.to_owned());
                }
            }
        }
        let told = paths
            .iter()
            .map(|path| MeasureTold { path: path.clone(), label: measures::label(path) });
        Self { told: told.collect(), paths }
    }
}

/// What the runs say of each measure.
struct Samples<'a> {
    asked: &'a Asked<'a>,
    order: &'a [usize],
    measures: &'a [String],
}

impl Samples<'_> {
    fn of(&self, place: usize, path: &str) -> Option<Vec<Weighed>> {
        let seeds = self.asked.study.seeds.len();
        sample(&self.asked.runs[self.order[place] * seeds..][..seeds], path)
    }

    /// How a variant differs from the first.
    fn difference(&self, place: usize, path: &str) -> Option<Difference> {
        Some(Difference::between(&self.of(0, path)?, &self.of(place, path)?))
    }

    fn variants(&self) -> Vec<VariantTold> {
        let variants = || self.order.iter().map(|place| &self.asked.study.variants[*place]);
        let settings: Vec<Vec<&str>> = variants()
            .map(|variant| variant.settings.iter().map(Setting::text).collect())
            .collect();
        let named = variants().zip(short::names(&settings)).zip(&settings).enumerate();
        let told = named.map(|(place, ((variant, short), settings))| VariantTold {
            name: variant.name.clone(),
            short,
            settings: settings.iter().map(|text| (*text).to_owned()).collect(),
            sentence: (place > 0).then(|| self.sentence(place)),
            means: self.means(place).map(|mean| mean.map(Short::listed)).collect(),
            told: self.told(place),
        });
        told.collect()
    }

    fn sentence(&self, place: usize) -> String {
        let mut all = self.measures.iter().filter_map(|path| self.difference(place, path));
        if all.all(|one| one.is_nothing()) {
            return "comes to the same in everything that is listed below".into();
        }
        sentence::told(&|path| self.difference(place, path))
    }

    fn means(&self, place: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        self.measures.iter().map(move |path| Some(self.difference(place, path)?.variant))
    }

    fn told(&self, place: usize) -> Vec<String> {
        let means = self.means(place).zip(self.measures);
        let told = |(mean, path): (Option<f64>, &String)| {
            mean.map_or_else(|| "–".into(), |mean| measures::told(path, mean))
        };
        means.map(told).collect()
    }

    fn differences(&self) -> Vec<DifferenceTold> {
        let pairs = (1..self.order.len())
            .flat_map(|place| (0..self.measures.len()).map(move |measure| (place, measure)));
        let told = pairs.filter_map(|(variant, measure)| {
            let path = &self.measures[measure];
            let one = self.difference(variant, path)?;
            let relative = |size: f64| (one.base != 0.0).then(|| size / one.base.abs());
            let share = measures::form(path) == Some(Form::Share);
            let percent = |part: f64| format!("{:+.1} %", part * 1e2).replace('-', "−");
            let relative_told = one.relative().filter(|_| !share && !one.is_nothing());
            Some(DifferenceTold {
                variant,
                measure,
                size: Short::listed(one.size()),
                margin: one.margin.map(Short::listed),
                relative: one.relative().map(Short::listed),
                relative_margin: one.margin.and_then(relative).map(Short::listed),
                sure: one.margin.map(|_| one.is_sure()),
                told: measures::told_difference(path, &one),
                told_relative: relative_told.map_or_else(String::new, percent),
            })
        });
        told.collect()
    }
}

fn planned(plan: &Planned<'_>, order: &[usize], measures: &[String]) -> PlanTold {
    let place = |path: &str| measures.iter().position(|known| known == path).unwrap_or_default();
    let goals = plan.goals.iter().map(|goal| GoalTold {
        text: goal.text.clone(),
        measure: place(&goal.measure),
        at_least: goal.at_least,
        limit: goal.limit,
    });
    let candidates = order.iter().map(|variant| {
        let Candidate { holds, frontier, standings, .. } = &plan.candidates[*variant];
        let bounds = standings.iter().map(|standing| standing.bound);
        let told = bounds.clone().zip(plan.goals);
        CandidateTold {
            holds: *holds,
            frontier: *frontier,
            told_bounds: told.map(|(bound, goal)| goal.told(bound)).collect(),
            bounds: bounds.map(Short::listed).collect(),
        }
    });
    PlanTold {
        minimize: place(plan.minimize),
        goals: goals.collect(),
        chosen: plan.chosen.map(|_| 0),
        candidates: candidates.collect(),
    }
}

/// What was left out.
fn notes(asked: &Asked<'_>, courses: &[CourseTold]) -> Vec<String> {
    let mut notes = Vec::new();
    let variants = asked.study.variants.len();
    if courses.len() < variants {
        notes.push(format!(
            "The map, the charts over time and the decisions show {} of {variants} variants; differences are those of all.",
            courses.len()
        ));
    }
    let fleet = &asked.study.variants[0].scenario().fleet;
    if fleet.apps.len() > APPS_MAX {
        notes.push(format!("The {APPS_MAX} apps with the most requests have charts of their own."));
    }
    let grid = Grid::of(asked.study.variants[0].scenario());
    if grid.is_coarse() {
        notes.push(format!(
            "Each point of the charts over time stands for {:.0} minutes; of the latencies in it, the highest is shown.",
            grid.step_seconds() / 60.0
        ));
    }
    if !hours::is_located(fleet) {
        notes.push("No cluster and no zone has a location, so there is no map.".into());
    } else if !hours::is_small(fleet) {
        notes.push("There are too many pairs of zone and app for a map.".into());
    }
    let every = courses.iter().filter_map(|course| {
        let shown = &course.hours.as_ref()?.shown;
        Some(shown.get(1)? - shown.first()?)
    });
    if let Some(every) = every.max().filter(|every| *every > 1) {
        notes.push(format!(
            "The map shows one hour in {every}: all of them would be too much for a page."
        ));
    }
    notes
}
