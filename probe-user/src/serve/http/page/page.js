// Keeps the page up to date, and draws what a table cannot show.
//
// The server makes the tables; this module asks for them again whenever an interval ends, and goes
// through the page and the new one side by side. It copies text and attributes, never HTML as text. What
// it makes itself is in elements with `data-own`, which the server leaves empty and this walk leaves
// alone. Charts are drawn from the stream of snapshots (docs/serve.md).

/** How many intervals charts show at most, and for how many there is room from the start. */
const KEPT = 300;
const ROOM = 60;
/** How many rules the large chart shows beside all frames: as many as page.css has colors for. */
const SERIES = 5;
/** Milliseconds until a stream that the server refused is asked for again. */
const AGAIN = 5000;

const byId = (id) => document.getElementById(id);

/** An element of SVG. */
function svg(name, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
}

// ---- The tables -------------------------------------------------------------------------------------

/** Makes `old` say what `fresh` says, and leaves what is equal in its place: focus and scrolling stay. */
function update(old, fresh) {
    if (old.nodeName !== fresh.nodeName) {
        old.replaceWith(document.importNode(fresh, true));
        return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
        return;
    }
    if ("own" in old.dataset) return;
    for (const { name, value } of fresh.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    before.slice(after.length).forEach((node) => node.remove());
    after.forEach((node, at) => {
        if (at < before.length) update(before[at], node);
        else old.append(document.importNode(node, true));
    });
}

/** Asks for the page as it is now. */
async function refresh() {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    for (const name of ["header", "nav", "main"]) {
        update(document.querySelector(name), fresh.querySelector(name));
    }
}

// ---- What was counted in the last minutes -----------------------------------------------------------

/** Frames a second: of all that was seen, and of each rule; the newest last, `null` where it is unknown. */
class History {
    constructor() {
        this.elapsed = [];
        this.seen = [];
        this.rules = new Map();
        this.last = null;
    }

    add(snapshot) {
        const { elapsed, seen, rules } = snapshot;
        const { last } = this;
        // It was started again, and counts from nothing.
        if (last && elapsed < last.elapsed) Object.assign(this, new History());
        const seconds = this.last ? elapsed - this.last.elapsed : 0;
        const packets = this.last ? seen.packets - this.last.seen.packets : 0;
        this.elapsed.push(elapsed);
        this.seen.push(seconds > 0 ? packets / seconds : null);
        const names = new Set();
        for (const { name, pps } of rules) {
            names.add(name);
            const rates = this.rules.get(name) ?? new Array(this.seen.length - 1).fill(null);
            rates.push(pps);
            this.rules.set(name, rates);
        }
        for (const name of this.rules.keys()) if (!names.has(name)) this.rules.delete(name);
        for (const row of [this.elapsed, this.seen, ...this.rules.values()]) {
            if (row.length > KEPT) row.shift();
        }
        this.last = snapshot;
    }

    /** The names of the rules that matched most. */
    busiest() {
        const sum = (rates) => rates.reduce((all, rate) => all + (rate ?? 0), 0);
        const sums = [...this.rules].map(([name, rates]) => [name, sum(rates)]);
        return sums.sort((a, b) => b[1] - a[1]).slice(0, SERIES).map(([name]) => name);
    }
}

// ---- Charts -----------------------------------------------------------------------------------------

/** Three digits and a factor. */
function short(number) {
    for (const [factor, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
        if (number >= factor) return (number / factor).toPrecision(3) + unit;
    }
    return number >= 100 ? number.toFixed(0) : String(Number(number.toPrecision(3)));
}

/** The least of 1, 2, 5, 10, 20, 50 and so on that is not below a number. */
function ceiling(number) {
    const power = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= number);
}

/** A line through values; where one is unknown there is a gap. */
function line(values, x, y) {
    let path = "";
    values.forEach((value, at) => {
        if (value === null) return;
        const begins = at === 0 || values[at - 1] === null;
        path += `${begins ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    return path;
}

/** How many intervals there is room for beside one another. */
const room = (values) => Math.max(ROOM, values.length);

/** The small chart in a rule's row. */
function drawSpark(row, history) {
    const [width, height] = [120, 22];
    const values = history.rules.get(row.dataset.rule) ?? [];
    const most = Math.max(1, ...values);
    const x = (at) => width - (values.length - 1 - at) * (width / (room(values) - 1));
    const y = (value) => height - 1 - (value / most) * (height - 2);
    const path = svg("path", { d: line(values, x, y) });
    const view = `0 0 ${width} ${height}`;
    const chart = svg("svg", { viewBox: view, preserveAspectRatio: "none", "aria-hidden": "true" }, path);
    row.querySelector(".spark").replaceChildren(chart);
}

/** The large one, with a legend that says in words what it shows. */
function drawChart(history) {
    const box = byId("chart");
    const width = Math.max(box.clientWidth, 200);
    const [height, left, bottom] = [192, 48, 20];
    const names = history.busiest();
    const series = [["all frames", history.seen], ...names.map((name) => [name, history.rules.get(name)])];
    const most = ceiling(Math.max(1, ...series.flatMap(([, values]) => values)));
    const steps = room(history.seen) - 1;
    const x = (at) => width - 1 - (history.seen.length - 1 - at) * ((width - left - 1) / steps);
    const y = (value) => height - bottom - (value / most) * (height - bottom - 8);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
        const at = y(most * share);
        parts.push(svg("path", { class: "grid", d: `M${left} ${at}H${width}` }));
        const label = { x: left - 6, y: at + 4, "text-anchor": "end" };
        parts.push(svg("text", label, short(most * share)));
    }
    const shown = history.elapsed.at(-1) - history.elapsed[0];
    const whole = history.elapsed.length > 1 ? (shown / (history.elapsed.length - 1)) * steps : 0;
    parts.push(svg("text", { x: width, y: height - 4, "text-anchor": "end" }, "now"));
    if (whole > 0) {
        parts.push(svg("text", { x: left, y: height - 4 }, `${short(whole)} s ago`));
    }
    series.forEach(([, values], at) => {
        parts.push(svg("path", { class: `series-${at}`, d: line(values, x, y) }));
    });
    const known = history.seen.filter((value) => value !== null);
    const label = known.length === 0
        ? "Frames a second: nothing is known yet"
        : `Frames a second in the last ${short(shown)} s: now ${short(known.at(-1))}, ` +
          `at least ${short(Math.min(...known))}, at most ${short(Math.max(...known))}`;
    const view = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label };
    box.replaceChildren(svg("svg", view, ...parts));
    byId("legend").replaceChildren(...series.map(([name, values], at) => {
        const item = document.createElement("li");
        const path = svg("path", { class: `series-${at}`, d: "M0 4H24", "stroke-width": 2 });
        const rate = values.at(-1) ?? null;
        const sample = svg("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" }, path);
        item.append(sample, rate === null ? name : `${name}: ${short(rate)}`);
        return item;
    }));
}

// ---- All of it --------------------------------------------------------------------------------------

const history = new History();
/** Rows of rules that can be seen; others are not drawn. */
const visible = new Set();
const watched = new WeakSet();
let isPaused = false;

const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target);
        else visible.delete(target);
        if (isIntersecting) drawSpark(target, history);
    }
});

const rows = () => document.querySelectorAll("tr[data-rule]");

/** Shows what this module adds to tables, those that came just now included. */
function showOwn() {
    for (const element of document.querySelectorAll("#rules [data-own]")) element.hidden = false;
    for (const row of rows()) {
        if (watched.has(row)) continue;
        watched.add(row);
        watcher.observe(row);
    }
    for (const row of visible) if (!row.isConnected) visible.delete(row);
}

/** Hides the rules that have not what was typed in their names or filters. */
function find() {
    const wanted = byId("find").querySelector("input").value.toLowerCase();
    for (const row of rows()) {
        row.hidden = !row.firstElementChild.textContent.toLowerCase().includes(wanted);
    }
}

function draw() {
    showOwn();
    find();
    drawChart(history);
    for (const row of visible) drawSpark(row, history);
}

function say(state, text) {
    const element = byId("state");
    element.className = `state ${state}`;
    // It is read aloud where it changes: not once a second.
    if (element.textContent !== text) element.textContent = text;
}

let isBusy = false;
let isBehind = false;

/** Shows the newest counts: once more where some came while those before were on their way. */
async function show() {
    isBehind = true;
    if (isBusy) return;
    isBusy = true;
    while (isBehind && !isPaused) {
        isBehind = false;
        try {
            await refresh();
            draw();
            say("live", "live");
        } catch (error) {
            say("lost", `not up to date: ${error.message}`);
        }
    }
    isBusy = false;
}

function follow() {
    const stream = new EventSource("/api/v1/stream");
    stream.addEventListener("snapshot", (event) => {
        history.add(JSON.parse(event.data));
        show();
    });
    stream.addEventListener("error", () => {
        say("lost", "no connection: the counts are old");
        // The browser asks again by itself, unless it was refused.
        if (stream.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN);
    });
}

const pause = byId("pause");
pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (isPaused) say("", "paused");
    else if (history.last) show();
});
byId("find").addEventListener("input", find);
new ResizeObserver(() => history.last && drawChart(history)).observe(byId("chart"));
for (const id of ["state", "pause", "rates"]) byId(id).hidden = false;
showOwn();
follow();
