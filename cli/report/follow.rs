//! Follow: the first seed of some variants is run again, looked at closely, and compared with the first.

use periplus_core::units::Tick;

use crate::failure::Failure;
use crate::parallel;
use crate::report::bills::{self, Explanations, Wanted};
use crate::report::course::{self, Course, in_hours};
use crate::report::data::{CourseTold, PartingTold, SideTold};
use crate::report::flows::Takers;
use crate::report::hours::Atlas;
use crate::report::parting::{self, Bound, Found, Parting, Side};
use crate::whatif::measures::Form;
use crate::whatif::runs::Run;
use crate::whatif::study::Study;
use crate::wording::values::listed;
use crate::wording::{clock, part};

/// Those that are followed.
pub(crate) struct Followed<'a> {
    pub(crate) study: &'a Study,
    pub(crate) runs: &'a [Run],
    /// For each, its place in the report and in the study; the first is what the others are compared with.
    pub(crate) places: Vec<(usize, usize)>,
    pub(crate) atlas: &'a Atlas,
    pub(crate) jobs: usize,
}

impl Followed<'_> {
    /// What happened in the first seed of each.
    ///
    /// # Errors
    /// A run failed, or came out otherwise than the one that was kept.
    pub(crate) fn told(&self) -> Result<Vec<CourseTold>, Failure> {
        let mut courses = self.courses()?;
        let Some((lead, others)) = courses.split_first_mut() else { return Ok(Vec::new()) };
        let found: Vec<Found> =
            others.iter().map(|course| parting::find(&lead.flows, &course.flows)).collect();
        let explained = self.explained(lead, others, &found)?;
        for (number, (course, found)) in others.iter_mut().zip(&found).enumerate() {
            let both = [&explained[0], &explained[number + 1]];
            course.told.flows_that_differ = found.flows;
            course.told.partings = found.told.iter().map(|one| told_parting(one, both)).collect();
        }
        Ok(courses.into_iter().map(|course| course.told).collect())
    }

    fn courses(&self) -> Result<Vec<Course>, Failure> {
        let mut courses = Vec::new();
        let work = |number: usize| {
            let (place, variant) = self.places[number];
            course::follow(self.study, &self.study.variants[variant], place, self.atlas)
        };
        parallel::in_order(self.places.len(), self.jobs, work, |course| courses.push(course));
        let courses: Vec<Course> = courses.into_iter().collect::<Result<_, _>>()?;
        for (course, (_, variant)) in courses.iter().zip(&self.places) {
            let run = &self.runs[variant * self.study.seeds.len()];
            require_same(run, &course.told.digest)?;
        }
        Ok(courses)
    }

    /// The decisions of all partings with their bills, those of the first run first.
    fn explained(
        &self,
        lead: &Course,
        others: &[Course],
        found: &[Found],
    ) -> Result<Vec<Explanations>, Failure> {
        let mut why = vec![(&lead.way, wanted(found.iter().flat_map(|one| &one.told), 0))];
        let pairs = others.iter().zip(found);
        why.extend(pairs.map(|(course, found)| (&course.way, wanted(&found.told, 1))));
        let mut explained = Vec::new();
        let work = |number: usize| {
            let (way, (wanted, last)) = &why[number];
            bills::explain(self.study, way, wanted, *last)
        };
        parallel::in_order(why.len(), self.jobs, work, |one| explained.push(one));
        explained.into_iter().collect()
    }
}

/// A report is made from one release: a run that an older one kept may have decided otherwise.
fn require_same(run: &Run, digest: &str) -> Result<(), Failure> {
    if run.digest == digest {
        return Ok(());
    }
    Err(Failure::Environment {
        message: format!(
            "the run of `{}` with seed {} that was kept came to digest {}, and comes to {digest} now",
            run.variant, run.seed, run.digest
        ),
        hint: Some("another release kept it; name a new folder with `--out`".into()),
    })
}

/// The decisions of one side of partings, and when the last of them was made.
fn wanted<'p>(partings: impl IntoIterator<Item = &'p Parting>, side: usize) -> (Wanted, Tick) {
    let mut wanted = Wanted::new();
    let mut last = Tick::ZERO;
    for parting in partings {
        let Some(made) = parting.sides[side].made else { continue };
        let named = wanted.entry(made.seq).or_default().entry(made.decision).or_default();
        let takers = parting.sides.iter().flat_map(|side| &side.takers);
        named.extend(takers.map(|(cluster, _)| cluster.clone()));
        last = last.max(made.at);
    }
    (wanted, last)
}

fn told_parting(parting: &Parting, explained: [&Explanations; 2]) -> PartingTold {
    let takers = |side: usize| &parting.sides[side].takers;
    let side = |place: usize| told_side(&parting.sides[place], takers(1 - place), explained[place]);
    let exact = |dollars: f64| match dollars {
        _ if dollars >= 100.0 => format!("${}", Form::Count.told(dollars.round())),
        _ if dollars >= 0.01 => format!("${dollars:.2}"),
        _ => format!("${dollars:.4}"),
    };
    PartingTold {
        app: parting.flow.app.clone(),
        place: parting.flow.place.clone(),
        from: clock(parting.from),
        until: clock(parting.until),
        hours: [parting.from, parting.until].map(in_hours),
        rate: format!("{} requests/s", digits(parting.rate)),
        moved: Form::Count.told(parting.moved.round()),
        stake: exact(parting.stake),
        sides: [side(0), side(1)],
    }
}

fn told_side(side: &Side, others: &Takers, explained: &Explanations) -> SideTold {
    let has = |takers: &Takers, cluster: &str| takers.iter().any(|(name, _)| name == cluster);
    let decided = side.made.and_then(|made| explained.get(&(made.seq, made.decision)).cloned());
    let decided = decided.map(|mut decided| {
        for bill in &mut decided.bills {
            bill.takes = has(&side.takers, &bill.cluster);
            bill.other = has(others, &bill.cluster);
        }
        decided
    });
    SideTold {
        takers: told_takers(&side.takers),
        price: side.price.map(|price| {
            let bound = match side.bound {
                Bound::Exactly => "",
                Bound::AtLeast => "at least ",
                Bound::AtMost => "at most ",
            };
            format!("{bound}${} per million", digits(price * 1e6))
        }),
        decided,
        held: side.held.clone(),
    }
}

fn told_takers(takers: &Takers) -> String {
    if let [(cluster, whole)] = takers.as_slice()
        && whole.0 == 1_000
    {
        return cluster.clone();
    }
    let told: Vec<String> =
        takers.iter().map(|(cluster, share)| format!("{cluster} ({})", part(*share))).collect();
    listed(&told)
}

/// A number with three digits that count.
fn digits(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 100.0 || size == 0.0 => Form::Count.told(value.round()),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
