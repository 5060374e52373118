//! Answers of `WattTime` (`/v3/historical`, `/v3/forecast`) and of Electricity Maps (`/v3/carbon-intensity/latest`, `history`,
//! `forecast`), one or a list of them.

use periplus_spec::values::Timestamp;
use serde::Deserialize;

use super::Zone;
use crate::signals::signal::Form;

#[derive(Deserialize)]
struct WattTime {
    data: Vec<WattTimePoint>,
    meta: WattTimeMeta,
}

#[derive(Deserialize)]
struct WattTimePoint {
    point_time: Timestamp,
    value: f64,
}

#[derive(Deserialize)]
struct WattTimeMeta {
    region: String,
    units: String,
}

/// What is not known is null, or not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ElectricityMaps {
    zone: String,
    carbon_intensity: Option<f64>,
    datetime: Option<Timestamp>,
    history: Option<Vec<ElectricityMapsPoint>>,
    forecast: Option<Vec<ElectricityMapsPoint>>,
    data: Option<Vec<ElectricityMapsPoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ElectricityMapsPoint {
    carbon_intensity: Option<f64>,
    datetime: Timestamp,
}

/// The unit of `WattTime`'s marginal emissions, in grams per kWh: a pound has 453.59237 g.
const POUNDS_PER_MWH: (&str, f64) = ("lbs_co2_per_mwh", 0.453_592_37);
/// The dirtiest plants stay below 2,000 g/kWh.
const GRAMS_MAX: f64 = 10_000.0;

/// Reads answers; gives what they say of each zone.
pub(super) fn read(form: Form, body: &[u8]) -> Result<Vec<Zone>, String> {
    match form {
        Form::WattTime => each(body, watt_time),
        Form::ElectricityMaps => each(body, electricity_maps),
    }
}

fn each<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    read: fn(T) -> Result<Zone, String>,
) -> Result<Vec<Zone>, String> {
    let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let answers = if is_list {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|one| vec![one])
    };
    answers.map_err(|fault| fault.to_string())?.into_iter().map(read).collect()
}

fn watt_time(answer: WattTime) -> Result<Zone, String> {
    let WattTimeMeta { region, units } = answer.meta;
    let (unit, factor) = POUNDS_PER_MWH;
    if units != unit {
        return Err(format!(
            "the unit of `{region}` is `{units}`, not `{unit}`; ask for `signal_type=co2_moer`"
        ));
    }
    let points = answer.data.into_iter();
    let points =
        points.filter_map(|point| Some((point.point_time.0, grams(point.value * factor)?)));
    Ok((region, points.collect()))
}

fn electricity_maps(answer: ElectricityMaps) -> Result<Zone, String> {
    let ElectricityMaps { zone, carbon_intensity, datetime, history, forecast, data } = answer;
    let latest = datetime.map(|datetime| ElectricityMapsPoint { carbon_intensity, datetime });
    let lists = [history, forecast, data];
    if latest.is_none() && lists.iter().all(Option::is_none) {
        return Err(format!("of `{zone}` it says neither `datetime` nor `history` nor `forecast`"));
    }
    let points = lists.into_iter().flatten().flatten().chain(latest);
    let point =
        |point: ElectricityMapsPoint| Some((point.datetime.0, grams(point.carbon_intensity?)?));
    Ok((zone, points.filter_map(point).collect()))
}

fn grams(value: f64) -> Option<u32> {
    let grams = value.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just compared")]
    (0.0..=GRAMS_MAX).contains(&grams).then_some(grams as u32)
}
