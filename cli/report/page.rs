//! The file: styles, scripts and data in one page that asks nobody for anything.
//!
//! The data stands in a block that no browser runs, with every `<` written as `\u003c`, so that no name ends it. The
//! scripts are named by their hashes in the page's content policy, which forbids everything else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::report::data::ReportData;

const TEMPLATE: &str = include_str!("page.html");

const STYLES: [&str; 3] =
    [include_str!("page.css"), include_str!("parts.css"), include_str!("print.css")];

/// In the order in which they need each other.
const SCRIPTS: [&str; 12] = [
    include_str!("vendor/d3.min.js"),
    include_str!("vendor/plot.umd.min.js"),
    include_str!("common.js"),
    include_str!("table.js"),
    include_str!("summary.js"),
    include_str!("differences.js"),
    include_str!("frontier.js"),
    include_str!("places.js"),
    include_str!("map.js"),
    include_str!("series.js"),
    include_str!("decisions.js"),
    include_str!("report.js"),
];

/// The page.
pub(crate) fn html(data: &ReportData) -> String {
    let json = serde_json::to_string(data).expect("texts and numbers are JSON");
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (slot, after) = behind.split_once("}}").expect("a slot of the template ends");
        page += before;
        page += &match slot {
            "policy" => policy(),
            "title" => escaped(&data.scenario.name),
            "styles" => STYLES.concat(),
            "data" => json.replace('<', "\\u003c"),
            "scripts" => SCRIPTS.map(|script| format!("<script>{script}</script>\n")).concat(),
            other => panic!("the template has no slot `{other}`"),
        };
        rest = after;
    }
    page + rest
}

/// What the page may do: draw, with just these scripts.
fn policy() -> String {
    let hashes = SCRIPTS
        .map(|script| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes()))));
    format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        hashes.join(" ")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_that_their_table_names() {
        let table = include_str!("vendor/README.md");
        for script in &SCRIPTS[..2] {
            let sum: String = Sha256::digest(script.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(table.contains(&sum), "{sum}");
        }
    }

    #[test]
    fn nothing_in_a_page_ends_a_script_early_or_asks_anybody() {
        for script in SCRIPTS {
            let lower = script.to_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("<!--"));
        }
        for text in STYLES.iter().chain(&SCRIPTS[2..]).chain([&TEMPLATE]) {
            assert!(!text.contains("url(") && !text.contains("@import") && !text.contains(" src="));
        }
    }

    #[test]
    fn titles_are_escaped() {
        assert_eq!(escaped("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
