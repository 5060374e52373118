//! Wrong files: each sample is named for the complaint that it must get, and shows the whole of it.

use std::fs;
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
use periplus_spec::diagnostic::Diagnostic;

/// All diagnostics as a terminal without colours shows them.
fn rendered(diagnostics: &[Diagnostic]) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false);
    let mut text = String::new();
    for diagnostic in diagnostics {
        handler.render_report(&mut text, diagnostic).expect("a string takes every text");
    }
    text
}

#[test]
fn wrong_files_get_the_complaint_that_they_are_named_for() {
    let folder = Path::new("tests/invalid");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the samples are there")
        .map(|entry| {
            entry.expect("a folder can be read").file_name().to_string_lossy().into_owned()
        })
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 40);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in names {
            let path = folder.join(format!("{name}.yaml"));
            let diagnostics = match name.as_str() {
                "no-scenario" => periplus_spec::load(&path).expect_err("it is invalid"),
                _ => periplus_spec::check(&path),
            };
            let code = name.split('.').next().unwrap_or_default();
            let codes: Vec<_> = diagnostics.iter().map(|wrong| wrong.code.slug()).collect();
            assert!(codes.contains(&code), "{name}: {codes:?}");
            insta::assert_snapshot!(name, rendered(&diagnostics));
        }
    });
}
