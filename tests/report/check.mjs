// Opens reports in a browser and holds them to what a reader needs.
//
//   node check.mjs TOOLS SHOTS REPORT.html…
//
// TOOLS is the folder with playwright-core and axe-core; pictures, and a PDF of each report, go to SHOTS. `./check` runs it.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, shots, ...reports] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(tools, "package.json"));
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const WIDTHS = [1280, 390];
const SCHEMES = ["light", "dark"];
const PAGES_MOST = 40;

const counts = { passed: 0, failed: 0 };

function check(what, holds, found = "") {
  counts[holds ? "passed" : "failed"] += 1;
  if (!holds) console.error(`failed: ${what}${found ? `: ${found}` : ""}`);
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
check("there is something to open", reports.length > 0);
for (const report of reports) {
  const name = basename(report, ".html");
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) await look(report, `${name}, ${width} px, ${scheme}`, { width, scheme });
  }
  await use(report, name);
  await isClosed(report, name);
}
await browser.close();
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;

/** Opens a report; whatever it says or asks for counts against it. */
async function open(report, { width, scheme, ...options }) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: "reduce", ...options });
  const heard = [];
  page.on("console", (message) => heard.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => heard.push(`error: ${error.message}`));
  page.on("request", (request) => { if (request.url() !== pathToFileURL(report).href) heard.push(`request: ${request.url()}`); });
  await page.goto(pathToFileURL(report).href);
  // Charts are drawn once their width is known.
  await page.waitForFunction(() => [...document.querySelectorAll(".chart")].every((chart) => chart.closest("[hidden]") || chart.firstElementChild));
  return { page, heard };
}

/** How a report looks: nothing sticks out, nothing is empty, nothing keeps anybody from reading it. */
async function look(report, told, { width, scheme }) {
  const { page, heard } = await open(report, { width, scheme, bypassCSP: true });
  const name = basename(report, ".html");
  await page.screenshot({ path: join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
  const wide = await page.evaluate(sticksOut);
  check(`${told}: nothing sticks out`, wide.length === 0, wide.join("; "));
  const clipped = await page.evaluate(clippedTexts);
  check(`${told}: no text of a chart is cut`, clipped.length === 0, clipped.join("; "));
  const empty = await page.evaluate(() => [...document.querySelectorAll("main svg[role]")].filter((svg) => svg.querySelectorAll("path, circle, line, rect").length < 2).map((svg) => svg.getAttribute("aria-label")));
  check(`${told}: no chart is empty`, empty.length === 0, empty.join("; "));
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const where = serious.map((one) => `${one.id} at ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ")}`);
  check(`${told}: anybody can read it`, serious.length === 0, where.join("; "));
  check(`${told}: it says and asks nothing`, heard.length === 0, heard.join("; "));
  await page.close();
}

/** Elements that reach beyond the window, but for what is in a box that scrolls. */
function sticksOut() {
  const edge = document.documentElement.clientWidth;
  const all = [...document.querySelectorAll("body *")].filter((node) => !node.closest(".scrolls, svg, .skip, script, style, .print-only"));
  const out = all.filter((node) => node.getClientRects().length > 0 && node.getBoundingClientRect().right > edge + 1);
  const names = out.slice(0, 5).map((node) => `${node.tagName.toLowerCase()}.${node.className} by ${Math.round(node.getBoundingClientRect().right - edge)} px`);
  return document.documentElement.scrollWidth > edge ? [`the page is ${document.documentElement.scrollWidth} px wide`, ...names] : names;
}

/** Texts that lie outside of their drawing. */
function clippedTexts() {
  return [...document.querySelectorAll(".chart svg, .maps svg")].flatMap((svg) => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter((text) => {
      const own = text.getBoundingClientRect();
      return own.width > 0 && (own.left < box.left - 2 || own.right > box.right + 2 || own.top < box.top - 3 || own.bottom > box.bottom + 3);
    }).map((text) => `${text.textContent} of ${svg.getAttribute("aria-label")?.slice(0, 40)}`);
  }).slice(0, 5);
}

/** How a report is used: by keyboard, and on paper. */
async function use(report, name) {
  const { page, heard } = await open(report, { width: 1280, scheme: "light" });
  await useHours(page, name);
  await useTables(page, name);
  await page.keyboard.press("Escape");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await ground();
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  check(`${name}: the theme can be switched`, (await ground()) !== before);
  const pdf = await page.pdf({ format: "A4", printBackground: true });
  writeFileSync(join(shots, `${name}.pdf`), pdf);
  const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
  check(`${name}: it prints on a sane number of pages`, pages >= 2 && pages <= PAGES_MOST, String(pages));
  check(`${name}: it says and asks nothing when used`, heard.length === 0, heard.join("; "));
  const json = readFileSync(report, "utf8").match(/id="data">(.*?)<\/script>/s)[1];
  check(`${name}: its data is whole`, JSON.parse(json).version === 1);
  await page.close();
}

async function useHours(page, name) {
  const shown = () => page.evaluate(() => [document.querySelector(".timebar output")?.textContent, document.querySelector(".maps")?.innerHTML, document.querySelector(".panels")?.textContent]);
  const [hour, map, numbers] = await shown();
  check(`${name}: there are charts over time`, await page.locator(".panel svg path").count() >= 9);
  await page.focus("#hour");
  await page.keyboard.press("Home");
  const [first] = await shown();
  await page.keyboard.press("End");
  const [last, otherMap, otherNumbers] = await shown();
  check(`${name}: the slider moves with the keyboard`, first !== last && first.startsWith("00:00"), `${hour}, ${first}, ${last}`);
  check(`${name}: the numbers follow it`, numbers !== otherNumbers);
  await page.keyboard.press("ArrowLeft");
  await page.click("#play");
  check(`${name}: the hours can be played and stopped`, (await page.getAttribute("#play", "aria-label")) === "Pause");
  await page.click("#play");
  if (map === undefined) return;
  check(`${name}: the map follows it`, map !== otherMap);
  const mark = page.locator(".maps .mark[tabindex='0']").first();
  await mark.focus();
  check(`${name}: a place on the map that has the focus is told`, await page.locator(".tip").isVisible());
  const at = () => page.evaluate(() => document.activeElement.dataset.mark);
  const from = await at();
  for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]) {
    if ((await at()) === from) await page.keyboard.press(key);
  }
  check(`${name}: arrow keys lead to the next place`, (await at()) !== from && Boolean(await at()));
}

async function useTables(page, name) {
  const table = page.locator("#differences table, #frontier table").first();
  if ((await table.count()) === 0) return;
  await table.evaluate((node) => { const box = node.closest("details"); if (box) box.open = true; });
  const column = 2;
  const button = table.locator(`thead th:nth-child(${column}) button`);
  const cells = () => table.locator(`tbody tr > :nth-child(${column})`).allTextContents();
  const order = () => table.locator(`thead th:nth-child(${column})`).getAttribute("aria-sort");
  await button.focus();
  await page.keyboard.press("Enter");
  const [one, told] = [await cells(), await order()];
  await page.keyboard.press("Enter");
  const [two, toldThen] = [await cells(), await order()];
  check(`${name}: a table sorts by keyboard and says so`, told !== toldThen && [told, toldThen].every((way) => /^(a|de)scending$/.test(way)));
  check(`${name}: it sorts both ways`, new Set(one).size < 2 || one.join() !== two.join());
}

/** The page's policy keeps everything in: it can neither ask anybody nor run what is not its own. */
async function isClosed(report, name) {
  const { page } = await open(report, { width: 1280, scheme: "light" });
  const forbidden = await page.evaluate(async () => {
    const found = [];
    document.addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
    await fetch("http://127.0.0.1:9/").catch(() => {});
    document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.foreign = true" }));
    document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x.png" }));
    await new Promise((done) => setTimeout(done, 50));
    return [...found, String(globalThis.foreign)];
  });
  const wanted = ["connect-src", "script-src-elem", "img-src", "undefined"];
  check(`${name}: its policy lets nothing in or out`, wanted.every((one) => forbidden.includes(one)), forbidden.join(", "));
  await page.close();
}
