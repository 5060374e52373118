//! Grids in both forms, from files; `tests/signals` has the endpoints.

use std::fs;
use std::path::Path;

use super::*;

const HALF_PAST: i64 = 1_800_000;

fn grids(form: Form, file: &Path, ahead: Ahead) -> Grids {
    let clusters = [("DE", vec!["berlin", "hamburg"]), ("FR", vec!["paris"])];
    let owned = |(zone, names): (&str, Vec<&str>)| {
        (zone.to_owned(), names.into_iter().map(str::to_owned).collect())
    };
    let clusters = clusters.into_iter().map(owned).collect();
    Grids::new(CarbonFrom { form, place: CarbonPlace::File(file.to_owned()), clusters, ahead })
}

fn told(seen: &Seen) -> Vec<(i64, &str, u32)> {
    let all = seen.moments.iter();
    all.flat_map(|(at, of)| of.iter().map(|(name, grams)| (*at, name.as_str(), *grams))).collect()
}

#[tokio::test]
async fn pounds_become_grams_and_each_point_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grid.json");
    let answer = |points: &str| {
        format!(
            r#"{{"data":[{points}],"meta":{{"region":"DE","units":"lbs_co2_per_mwh","signal_type":"co2_moer","data_point_period_seconds":300}}}}"#
        )
    };
    fs::write(&file, answer(r#"{"point_time":"1970-01-01T00:25:00+00:00","value":870.0,"version":"3.2"},{"point_time":"1970-01-01T00:20:00+00:00","value":1}"#)).unwrap();
    let mut grids = grids(Form::WattTime, &file, Ahead::Ignored);
    let seen = grids.look(|| HALF_PAST).await;
    assert_eq!(told(&seen), [(1_500_000, "berlin", 395), (1_500_000, "hamburg", 395)]);
    assert!(seen.fault.is_none() && grids.clusters() == 3);
    let seen = grids.look(|| HALF_PAST).await;
    assert!(seen.moments.is_empty());
    fs::remove_file(&file).unwrap();
    let seen = grids.look(|| HALF_PAST).await;
    assert!(seen.moments.is_empty());
    assert!(seen.fault.unwrap().to_string().starts_with("cannot read /"));
}

#[tokio::test]
async fn what_was_foreseen_is_told_in_its_time_where_that_was_asked_for() {
    for (ahead, later) in [(Ahead::Ignored, 0), (Ahead::Told, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grid.json");
        let text = r#" [
            {"zone":"DE","forecast":[{"carbonIntensity":302.4,"datetime":"1970-01-01T00:30:00.000Z"},
                {"carbonIntensity":250,"datetime":"1970-01-01T01:00:00.000Z"},
                {"carbonIntensity":null,"datetime":"1970-01-01T02:00:00.000Z"}],"updatedAt":"1970-01-01T00:00:00.000Z"},
            {"zone":"FR","carbonIntensity":58,"datetime":"1970-01-01T00:10:00.350Z","isEstimated":true},
            {"zone":"GB","carbonIntensity":100,"datetime":"1970-01-01T00:10:00.350Z"}]"#;
        fs::write(&file, text).unwrap();
        let mut grids = grids(Form::ElectricityMaps, &file, ahead);
        let seen = grids.look(|| HALF_PAST).await;
        assert_eq!(
            told(&seen),
            [(600_350, "paris", 58), (1_800_000, "berlin", 302), (1_800_000, "hamburg", 302)]
        );
        fs::remove_file(&file).unwrap();
        let seen = grids.look(|| 2 * HALF_PAST + 5).await;
        assert_eq!(told(&seen).len(), later, "{ahead:?}");
        assert!(seen.fault.is_some());
    }
}

#[test]
fn what_is_not_in_one_of_the_forms_is_said() {
    let fault = |form, text: &str| answer::read(form, text.as_bytes()).unwrap_err();
    let percent = r#"{"data":[],"meta":{"region":"DE","units":"percentile"}}"#;
    assert_eq!(
        fault(Form::WattTime, percent),
        "the unit of `DE` is `percentile`, not `lbs_co2_per_mwh`; ask for `signal_type=co2_moer`"
    );
    assert_eq!(
        fault(Form::ElectricityMaps, r#"{"zone":"DE"}"#),
        "of `DE` it says neither `datetime` nor `history` nor `forecast`"
    );
    assert!(fault(Form::ElectricityMaps, "{\"zone\":\n3}").contains("line 2"));
    let wild = r#"{"zone":"DE","carbonIntensity":-3,"datetime":"1970-01-01T00:00:00Z"}"#;
    let found = answer::read(Form::ElectricityMaps, wild.as_bytes()).unwrap();
    assert_eq!(found, [("DE".to_owned(), vec![])]);
}
