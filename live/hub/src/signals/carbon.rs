//! How dirty grids are, in the forms of `WattTime` and of Electricity Maps, from their endpoints or from a file.
//!
//! `WattTime` tells the marginal intensity in pounds per megawatt hour, Electricity Maps the mean one in grams per kWh; what is told
//! onward is grams per kWh of either. Nothing is made up when nobody answers: the machine keeps what it was told last, or,
//! by `fallback: forecast`, is told what the last answers foresaw.
//!
//! A token of `WattTime` holds for half an hour. Whoever logs in writes it to the file that `tokenFile` names.

mod answer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use futures::StreamExt;
use futures::stream;

use super::fault::Fault;
use super::http::{Token, Web};
use super::signal::{Ahead, CarbonFrom, CarbonPlace, Endpoint, Form};

/// Grids that are looked at again and again.
#[derive(Debug)]
pub(super) struct Grids {
    from: CarbonFrom,
    /// What is known of each zone: times, ascending, and grams per kWh.
    points: BTreeMap<String, Vec<(i64, u32)>>,
    /// Up to which time each zone was told of.
    told: BTreeMap<String, i64>,
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By time: clusters with the grams per kWh of their grids.
    pub(super) moments: BTreeMap<i64, Vec<(String, u32)>>,
    /// Why some zones said nothing.
    pub(super) fault: Option<Fault>,
}

/// The points of one zone.
type Zone = (String, Vec<(i64, u32)>);

/// A day of five minutes takes thirty thousand bytes a zone.
const FILE_BYTES_MAX: usize = 16 << 20;
/// How many zones are asked at once.
const AT_ONCE: usize = 8;

impl Grids {
    pub(super) const fn new(from: CarbonFrom) -> Self {
        Self { from, points: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// How many clusters there are.
    pub(super) fn clusters(&self) -> usize {
        self.from.clusters.values().map(Vec::len).sum()
    }

    /// Looks, and gives what is to be told. What a failed look does not bring may have been foreseen.
    pub(super) async fn look(&mut self, now: impl Fn() -> i64) -> Seen {
        let (zones, fault) = match &self.from.place {
            CarbonPlace::File(file) => match read_file(file) {
                Ok(text) => match answer::read(self.from.form, &text) {
                    Ok(zones) => (zones, None),
                    Err(why) => (Vec::new(), Some(Fault::content(file, why))),
                },
                Err(fault) => (Vec::new(), Some(fault)),
            },
            CarbonPlace::Endpoint(_) => self.ask().await,
        };
        let now = now();
        for (zone, points) in zones {
            self.take(now, zone, points);
        }
        Seen { moments: self.tell(now), fault }
    }

    async fn ask(&self) -> (Vec<Zone>, Option<Fault>) {
        let CarbonPlace::Endpoint(endpoint) = &self.from.place else { return (Vec::new(), None) };
        let zones = self.from.clusters.keys();
        let ask = |zone: &String| ask_zone(endpoint.clone(), self.from.form, zone.clone());
        let asked: Vec<_> = zones.map(ask).collect();
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let (mut zones, mut fault) = (Vec::new(), None);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(mut found) => zones.append(&mut found),
                Err(found) => fault = Some(found),
            }
        }
        (zones, fault)
    }

    fn take(&mut self, now: i64, zone: String, mut points: Vec<(i64, u32)>) {
        if !self.from.clusters.contains_key(&zone) {
            return;
        }
        match self.from.ahead {
            Ahead::Ignored => points.retain(|(at, _)| *at <= now),
            Ahead::Told => {}
        }
        let known = self.points.entry(zone).or_default();
        // What is said now of a time is better than what was said before.
        let mut by_time: BTreeMap<i64, u32> = std::mem::take(known).into_iter().collect();
        by_time.extend(points);
        *known = by_time.into_iter().collect();
    }

    /// The newest of each zone that is not ahead, unless it was told.
    fn tell(&mut self, now: i64) -> BTreeMap<i64, Vec<(String, u32)>> {
        let mut moments: BTreeMap<i64, Vec<(String, u32)>> = BTreeMap::new();
        for (zone, points) in &mut self.points {
            let past = points.partition_point(|(at, _)| *at <= now);
            points.drain(..past.saturating_sub(1));
            let Some((at, grams)) = points.first().copied().filter(|(at, _)| *at <= now) else {
                continue;
            };
            if self.told.get(zone).is_some_and(|told| at <= *told) {
                continue;
            }
            self.told.insert(zone.clone(), at);
            let clusters = self.from.clusters.get(zone).into_iter().flatten();
            moments.entry(at).or_default().extend(clusters.map(|name| (name.clone(), grams)));
        }
        moments
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |fault| Fault::file(file, fault);
    let mut text = Vec::new();
    let most = FILE_BYTES_MAX as u64 + 1;
    File::open(file).map_err(fault)?.take(most).read_to_end(&mut text).map_err(fault)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(Fault::content(file, format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

async fn ask_zone(endpoint: Endpoint, form: Form, zone: String) -> Result<Vec<Zone>, Fault> {
    let mut web = Web::new(endpoint);
    let mut url = web.url("");
    let (parameter, token) = match form {
        Form::WattTime => ("region", Token::Bearer),
        Form::ElectricityMaps => ("zone", Token::AuthToken),
    };
    url.query_pairs_mut().append_pair(parameter, &zone);
    let answer = web.ask(&url, token).await?;
    if answer.status != 200 {
        return Err(Fault::status(answer.status, &answer.body));
    }
    answer::read(form, &answer.body).map_err(Fault::Unreadable)
}

#[cfg(test)]
mod tests;
