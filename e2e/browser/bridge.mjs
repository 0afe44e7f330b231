// Drives Chromium for the end-to-end tests: a command a line on standard input,
// an answer a line on standard output, so that the tests themselves are in one
// language. Commands run side by side; `n` ties an answer to its command.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const pages = new Map();

// What a page did that it must not: it is asked for at the end of each test.
function watch(page, origin) {
  const problems = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== "data:") problems.push(`request to ${request.url()}`);
  });
  page.on("pageerror", (error) => problems.push(`script error: ${error}`));
  page.on("console", (message) => {
    // The status of a page that says no is not an error of the page.
    const status = message.text().startsWith("Failed to load resource: the server responded with a status of");
    if (message.type() === "error" && !status) problems.push(`console: ${message.text()}`);
  });
  return problems;
}

const commands = {
  async open({ page: name, origin, scheme, language, width, height, script }) {
    const context = await browser.newContext({
      colorScheme: scheme, locale: language, viewport: { width, height }, javaScriptEnabled: script, reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.set(name, { page, problems: watch(page, origin) });
  },
  // tab opens another page in the session of one that there is; one on a foreign
  // site is not held to what our pages must not do.
  async tab({ page: name, of, origin }) {
    const page = await pages.get(of).page.context().newPage();
    page.setDefaultTimeout(20_000);
    pages.set(name, { page, problems: origin ? watch(page, origin) : [] });
  },
  goto: (p, { url }) => p.goto(url).then((response) => response.status()),
  fill: (p, { selector, text }) => p.fill(selector, text),
  click: (p, { selector }) => p.click(selector),
  select: (p, { selector, text }) => p.selectOption(selector, text).then(() => null),
  value: (p, { selector }) => p.inputValue(selector),
  // download gives the text of the file that a click brings.
  async download(p, { selector }) {
    const [file] = await Promise.all([p.waitForEvent("download"), p.click(selector)]);
    return readFileSync(await file.path(), "utf8");
  },
  press: (p, { text }) => p.keyboard.press(text),
  wait: (p, { selector, seconds }) => p.locator(selector).first().waitFor({ timeout: seconds * 1000 }),
  text: (p, { selector }) => p.locator(selector).first().innerText(),
  count: (p, { selector }) => p.locator(selector).count(),
  attribute: (p, { selector, name }) => p.locator(selector).first().getAttribute(name),
  url: (p) => p.url(),
  cookies: (p) => p.context().cookies(),
  picture: (p, { path, selector }) => (selector ? p.locator(selector).first() : p).screenshot({ path }).then(() => null),
  // wide tells whether the page can be scrolled sideways.
  wide: (p) => p.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth),
  // accessible gives what axe-core finds that is serious or worse.
  async accessible(p) {
    await p.evaluate(axe);
    const { violations, passes } = await p.evaluate(() => window.axe.run());
    if (passes.length === 0) throw new Error("axe-core has looked at nothing");
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ; ")}`);
  },
};

async function run({ do: command, page: name, ...rest }) {
  if (command === "open" || command === "tab") return commands[command]({ page: name, ...rest });
  const { page, problems } = pages.get(name);
  if (command === "problems") return problems;
  if (command === "close") return pages.delete(name) && (rest.tab ? page : page.context()).close();
  return commands[command](page, rest);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { n, ...command } = JSON.parse(line);
  run(command).then(
    (value) => console.log(JSON.stringify({ n, value: value ?? null })),
    (error) => console.log(JSON.stringify({ n, error: String(error.message ?? error) })),
  );
}
await browser.close();
