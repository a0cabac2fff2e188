"use strict";
// What all charts of the page share: making elements, numbers in words, scales, and the frame of a chart. Text only ever
// becomes a text node, so that nothing in the data can become an element.

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = document.querySelector("svg").namespaceURI;
const ROWS = 200; // of a table of a chart's values

// --- small things ----------------------------------------------------------------------------------------------------

const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// JSON has no NaN and no infinity: they come as text, and an empty cell as null.
const SPECIAL = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const number = (value) => (value === null ? NaN : typeof value === "string" ? SPECIAL[value] : value);
const told = (value) => (value === null ? "-" : typeof value === "string" ? value : show(value));
const words = (name) => name.replaceAll("_", " ");
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const cutFront = (text, length) => (text.length > length ? `…${text.slice(1 - length)}` : text);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function show(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(size >= 1000 ? 6 : 4)));
}

function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found.map((value) => Number(value.toPrecision(12)));
}

function logTicks(low, high, wanted) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first < 1) return ticks(low, high, wanted).filter((value) => value > 0);
  const every = Math.ceil((last - first + 1) / Math.max(wanted, 2));
  const found = [];
  for (let power = first; power <= last; power += every) found.push(Number(`1e${power}`));
  return found;
}

// A range of numbers on a range of pixels.
function scale(low, high, from, to, isLog = false) {
  const on = isLog ? Math.log10 : (value) => value;
  const start = on(low), width = on(high) - start || 1;
  const place = (value) => from + ((on(value) - start) / width) * (to - from);
  place.back = (pixel) => {
    const value = start + ((pixel - from) / (to - from)) * width;
    return isLog ? 10 ** value : value;
  };
  return place;
}

function table(caption, head, rows) {
  const body = rows.map(([first, ...rest]) =>
    html("tr", {}, html("th", { scope: "row", dir: "auto" }, first), ...rest.map((cell) => html("td", {}, cell))));
  return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    html("table", {}, html("caption", {}, caption),
      html("thead", {}, html("tr", {}, ...head.map((cell) => html("th", { scope: "col", dir: "auto" }, cell)))),
      html("tbody", {}, ...body)));
}

// --- what all charts share -------------------------------------------------------------------------------------------

class Chart {
  constructor(figure, spec) {
    this.figure = figure;
    this.spec = spec;
    this.tools = html("div", { class: "tools", role: "group", "aria-label": `${spec.title}: view` });
    const caption = figure.querySelector("figcaption");
    this.bar = html("div", { class: "bar" }, this.tools);
    caption.after(this.bar);
    this.svg = svg("svg", { role: "img" });
    this.plot = html("div", { class: "plot", tabindex: 0, role: "slider", "aria-label": `${spec.title}: move with the arrow keys` }, this.svg);
    this.below = html("div", {});
    figure.append(this.plot, this.below);
    this.plot.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.key(event.key)) return;
      event.preventDefault();
    });
  }

  begin() {
    new ResizeObserver(() => {
      const width = Math.floor(this.plot.clientWidth);
      if (width && width !== this.width) {
        this.width = width;
        this.draw();
      }
    }).observe(this.plot);
  }

  button(label, text, act) {
    const button = html("button", { type: "button", "aria-label": `${this.spec.title}: ${label}`, title: label }, text);
    button.addEventListener("click", () => act(button));
    this.tools.append(button);
    return button;
  }

  // A table that is made when it is opened first, and again with `update`.
  addTable(make) {
    const details = html("details", {}, html("summary", {}, "Values as a table"));
    const update = () => {
      if (!details.open) return;
      details.querySelector(".scroll")?.remove();
      details.append(make());
    };
    details.addEventListener("toggle", update);
    this.figure.append(details);
    return update;
  }

  // The value of the plot as a slider, for those who do not see it.
  tell(now, last, text) {
    this.plot.setAttribute("aria-valuemin", 0);
    this.plot.setAttribute("aria-valuemax", last);
    this.plot.setAttribute("aria-valuenow", now);
    this.plot.setAttribute("aria-valuetext", text);
  }

  size(width, height) {
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
  }
}
