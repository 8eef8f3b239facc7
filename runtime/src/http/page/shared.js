// What the pages share. Every text is set as text, never as markup: names come from elsewhere.
"use strict";

const byId = (id) => document.getElementById(id);
const STORED = "dbop-token";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = String(text);
  return made;
}

function number(value, digits = 0) {
  return value === null || value === undefined ? "–"
    : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return number(ms, 2) + "\u00a0ms";
  if (ms < 1000) return number(ms) + "\u00a0ms";
  if (ms < 120000) return number(ms / 1000, 1) + "\u00a0s";
  return number(ms / 60000, 1) + "\u00a0min";
}

function tiles(into, pairs) {
  into.replaceChildren(...pairs.map(([name, value]) => {
    const tile = element("div");
    tile.append(element("dt", "", name), element("dd", "", value));
    return tile;
  }));
}

// Fills a table. A column has a name, a function that makes the text of a cell or what stands in the cell,
// and perhaps the class of the cell and a function that makes the small text below.
function table(into, columns, rows, none) {
  const head = element("tr");
  for (const column of columns) {
    const cell = element("th", column.kind, column.name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    for (const column of columns) {
      const cell = element("td", column.kind);
      cell.dataset.label = column.name;
      const content = column.node ? column.node(row) : element("span", "", column.text(row));
      if (column.below && column.below(row)) content.append(element("span", "place", column.below(row)));
      cell.append(content);
      line.append(cell);
    }
    body.append(line);
  }
  if (rows.length === 0) {
    const cell = element("td", "none", none);
    cell.colSpan = columns.length;
    const line = element("tr");
    line.append(cell);
    body.append(line);
  }
  const top = element("thead");
  top.append(head);
  into.replaceChildren(top, body);
}

let heard = 0, trouble = "";
setInterval(() => {
  const seconds = Math.round((Date.now() - heard) / 1000);
  byId("freshness").textContent = heard === 0 ? trouble : seconds > 5 ? `no news for ${seconds} s` : "live";
  if (heard !== 0 && seconds > 5) {
    byId("status").className = "badge";
    byId("status").textContent = "no news";
  }
}, 1000);

function askForToken(why) {
  sessionStorage.removeItem(STORED);
  byId("main").hidden = true;
  byId("ask").hidden = false;
  byId("refused").textContent = why;
  byId("token").focus();
}

// Reads events until the service ends the stream, which it does from time to time. An `EventSource` would
// do the same, but cannot send the token.
async function listen(events, show) {
  const token = sessionStorage.getItem(STORED);
  // A header is bytes, one for each character of this string.
  const sent = String.fromCharCode(...new TextEncoder().encode(token || ""));
  const headers = token ? { authorization: `Bearer ${sent}` } : {};
  const answer = await fetch(events, { headers, cache: "no-store" });
  if (answer.status === 401) {
    askForToken(token ? "This is not the token." : "");
    return false;
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || `status ${answer.status}`);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const event = text.slice(0, end);
      if (!event.startsWith("data: ")) continue;
      heard = Date.now();
      // First, because a chart asks how wide it is.
      byId("main").hidden = false;
      byId("ask").hidden = true;
      show(JSON.parse(event.slice("data: ".length)));
    }
  }
}

// Waits before each answer but the first: what stands in between may end an answer as soon as it begins.
async function follow(events, show) {
  const SHORTLY = 1000, LONGEST = 10000;
  for (let wait = SHORTLY; ; await new Promise((resolve) => setTimeout(resolve, wait))) {
    try {
      if (!(await listen(events, show))) return;
      wait = SHORTLY;
    } catch (error) {
      console.warn("no events:", error);
      trouble = error.message;
      wait = Math.min(wait * 2, LONGEST);
    }
  }
}

// Asks for the events, and for the token where that is needed, for as long as the page is open.
function begin(events, show) {
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED, byId("token").value);
    byId("token").value = "";
    follow(events, show);
  });
  follow(events, show);
}
