// The page of the jobs of one database.
"use strict";

const kindOf = { name: "Job", text: (row) => row.kind, below: (row) => `${row.id} in ${row.queue}` };
const attemptOf = { name: "Attempt", kind: "number", text: (row) => `${number(row.attempt)} of ${number(row.max_attempts)}` };

function share(progress) {
  if (!progress || progress.total === 0) return "";
  return `${number(progress.done)} of ${number(progress.total)}`;
}

// How far a job is, as a bar with what it says about itself. Without a total, the bar only moves.
function bar(row) {
  const progress = row.progress;
  if (!progress) return element("span", "", "–");
  const cell = element("span", "progress");
  const made = element("progress");
  made.setAttribute("aria-label", `Progress of the job ${row.id}`);
  if (progress.total > 0) {
    made.max = progress.total;
    made.value = Math.min(progress.done, progress.total);
  }
  cell.append(made, element("span", "place", [share(progress) || number(progress.done), progress.message].filter(Boolean).join(" · ")));
  return cell;
}

const QUEUES = [
  { name: "Queue", text: (row) => row.queue },
  ...["running", "available", "pending", "scheduled", "retryable", "completed", "cancelled", "discarded"].map((state) => (
    { name: state[0].toUpperCase() + state.slice(1), kind: "number", text: (row) => number(row.states[state] || 0) })),
  { name: "Oldest waits", kind: "number", text: (row) => duration(row.oldest_waits_ms) },
];

const RUNNING = [
  kindOf,
  attemptOf,
  { name: "For", kind: "number", text: (row) => duration(row.since_ms) },
  { name: "Progress", node: bar },
  { name: "Worker", text: (row) => row.worker || "–" },
];

const WAITING = [
  kindOf,
  { name: "State", text: (row) => row.state },
  attemptOf,
  { name: "Due", kind: "number", text: (row) => (row.due_in_ms > 0 ? `in ${duration(row.due_in_ms)}` : `${duration(-row.due_in_ms)} ago`) },
  { name: "Progress", node: bar },
];

const FAILURES = [
  kindOf,
  { name: "State", text: (row) => row.state },
  attemptOf,
  { name: "Ended", kind: "number", text: (row) => `${duration(row.ended_ms)} ago` },
  { name: "Error", kind: "code", text: (row) => row.error || "–" },
];

function show(seen) {
  byId("system").textContent = seen.system;
  byId("status").textContent = seen.note ? "unknown" : `${number(seen.running.length)}${seen.more_running ? "+" : ""} running`;
  byId("status").className = seen.note ? "badge degraded" : "badge healthy";
  byId("problems").replaceChildren(...(seen.note ? [element("li", "", seen.note)] : []));
  table(byId("queues"), QUEUES, seen.queues, "There are no jobs.");
  table(byId("running"), RUNNING, seen.running, "No job runs.");
  table(byId("waiting"), WAITING, seen.waiting, "No job waits.");
  table(byId("failures"), FAILURES, seen.failures, "No job has failed.");
}

begin("jobs/events", show);
