// Takes a picture of a part of a report.
//
//   node picture.mjs TOOLS REPORT.html SELECTOR PICTURE.png

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, report, selector, picture] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(tools), "package.json"))("playwright-core");

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1248, height: 1400 }, colorScheme: "light", deviceScaleFactor: 1.25 });
await page.goto(pathToFileURL(resolve(report)).href);
await page.waitForFunction(() => [...document.querySelectorAll(".chart")].every((chart) => chart.closest("[hidden]") || chart.firstElementChild));
// The bar with the hour stays with the window, and would lie across.
await page.addStyleTag({ content: ".timebar { position: static !important; }" });
await page.locator(selector).first().screenshot({ path: picture });
await browser.close();
