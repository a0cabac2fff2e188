// Charts of cells and bars: a confusion matrix of many classes, and the gradient flow layer by layer.

class HeatChart extends Chart {
  constructor(figure, spec) {
    super(figure, spec);
    this.count = spec.names.length;
    this.at = [0, 0];
    this.byPlace = new Map(spec.cells.map(([i, j, count]) => [i * this.count + j, count]));
    this.svg.setAttribute("aria-label", `${spec.title}, ${this.count} classes: a line for each true class, a column for each predicted one; the darker, the larger the share of the line. The table of mistakes below has the numbers.`);
    this.readout = html("p", { class: "readout" }, "Point at a cell to read it.");
    this.below.append(this.readout);
    this.plot.addEventListener("pointermove", (event) => {
      const corner = this.svg.getBoundingClientRect();
      const j = Math.floor((event.clientX - corner.left - this.left) / this.cell), i = Math.floor((event.clientY - corner.top) / this.cell);
      if (i >= 0 && j >= 0 && i < this.count && j < this.count) this.choose(i, j);
    });
    this.bar.remove();
    this.begin();
  }

  draw() {
    this.left = 22;
    this.cell = Math.min((this.width - this.left - 4) / this.count, 640 / this.count, 26);
    const side = this.cell * this.count;
    this.size(this.width, side + 24);
    this.svg.append(svg("rect", { x: this.left, y: 0, width: side, height: side, fill: "none", class: "axis" }));
    const gap = this.cell > 5 ? 0.5 : 0;
    for (const [i, j, count] of this.spec.cells) {
      // Small shares are drawn darker than they are, or a few mistaken rows would not be seen.
      const opacity = Math.sqrt(count / this.spec.rows[i]).toFixed(3);
      this.svg.append(svg("rect", { class: `fill ${i === j ? "s0" : "s1"}`, x: this.left + j * this.cell, y: i * this.cell, width: this.cell - gap, height: this.cell - gap, "fill-opacity": opacity }));
    }
    this.svg.append(svg("text", { x: this.left + side / 2, y: side + 17, "text-anchor": "middle" }, "predicted"));
    this.svg.append(svg("text", { x: 0, y: 0, transform: `translate(14 ${side / 2}) rotate(-90)`, "text-anchor": "middle" }, "true"));
    this.ring = svg("rect", { class: "ring", width: this.cell, height: this.cell });
    this.svg.append(this.ring);
    this.choose(...this.at);
  }

  choose(i, j) {
    this.at = [i, j];
    this.ring.setAttribute("x", this.left + j * this.cell);
    this.ring.setAttribute("y", i * this.cell);
    const count = this.byPlace.get(i * this.count + j) ?? 0, rows = this.spec.rows[i];
    const share = rows ? `${((100 * count) / rows).toFixed(1)} %` : "none";
    this.readout.replaceChildren(
      html("span", {}, "true ", html("b", {}, html("bdi", {}, this.spec.names[i]))), html("span", {}, "predicted ", html("b", {}, html("bdi", {}, this.spec.names[j]))),
      html("span", {}, `${count} of ${rows} rows, ${share}`));
    this.tell(i * this.count + j, this.count ** 2 - 1, `true ${this.spec.names[i]}, predicted ${this.spec.names[j]}: ${count} of ${rows} rows, ${share}`);
  }

  key(key) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    if (!step) return false;
    this.choose(clamp(this.at[0] + step[0], 0, this.count - 1), clamp(this.at[1] + step[1], 0, this.count - 1));
    return true;
  }
}

// --- the gradient flow -----------------------------------------------------------------------------------------------

// Each panel has its measures with their names and colours; `line` is what a measure is compared with.
const PANELS = [
  { measures: { gradient_norm: ["gradient norm", "s0"] }, isLog: true },
  { measures: { update_ratio: ["update ratio (dashed: 0.001)", "s1"] }, isLog: true, line: 1e-3 },
  { measures: { dead: ["dead units", "s2"], saturated: ["saturated outputs", "s3"] }, isLog: false },
];
const NARROWEST = 9, NAME_APART = 17; // pixels of a layer, and between the names of two

class FlowChart extends Chart {
  constructor(figure, spec) {
    super(figure, spec);
    this.panels = PANELS.map((panel) => ({ ...panel, measures: Object.entries(panel.measures).filter(([name]) => name in spec.measures) }))
      .filter((panel) => panel.measures.length).map((panel) => ({ ...panel, range: this.range(panel) }));
    this.step = spec.steps.length - 1;
    this.layer = 0;
    this.makeSlider();
    const over = html("div", { class: "over" });
    this.plot.replaceWith(over);
    over.append(this.plot);
    this.over = over;
    this.readout = html("p", { class: "readout" });
    this.below.append(this.readout);
    this.plot.addEventListener("pointermove", (event) => {
      const slot = Math.floor((event.clientX - this.svg.getBoundingClientRect().left - this.left) / this.slot);
      if (slot >= 0 && slot < spec.layers.length) this.choose(slot);
    });
    this.updateTable = this.addTable(() => this.makeTable());
    new ResizeObserver(() => {
      if (over.clientWidth && over.clientWidth !== this.width) {
        this.width = over.clientWidth;
        this.draw();
      }
    }).observe(over);
  }

  makeSlider() {
    const id = "flow-step", last = this.spec.steps.length - 1;
    this.slider = html("input", { type: "range", id, min: 0, max: last, step: 1, value: last });
    this.shown = html("output", { for: id });
    this.slider.addEventListener("input", () => {
      this.step = Number(this.slider.value);
      this.draw();
      this.updateTable();
    });
    this.bar.replaceWith(html("div", { class: "slider" }, html("label", { for: id }, "Logging step"), this.slider, this.shown));
  }

  // The same range at all steps, so that the bars can be compared while the slider moves.
  range(panel) {
    if (!panel.isLog) return [0, 1];
    const values = panel.measures.flatMap(([name]) => this.spec.measures[name].flat().map(number)).filter((value) => value > 0 && Number.isFinite(value));
    if (panel.line) values.push(panel.line / 10);
    if (!values.length) return [0.1, 1];
    const [low, high] = extent(values);
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
    return [10 ** (last > first ? first : first - 1), 10 ** last];
  }

  name(layer) {
    const { name, type } = this.spec.layers[layer];
    return name ? `${name} ${type}` : type;
  }

  draw() {
    if (!this.width) return;
    const layers = this.spec.layers.length, tall = 120, space = 34;
    this.left = 52;
    const width = Math.max(this.width, this.left + 8 + layers * NARROWEST);
    this.slot = (width - this.left - 8) / layers;
    const isUpright = this.slot < 84;
    const names = this.spec.layers.map((_, layer) => cutFront(this.name(layer), 16));
    const below = isUpright ? 6 * Math.max(...names.map((name) => name.length)) + 16 : 28;
    this.plot.style.width = `${width}px`;
    this.size(width, this.panels.length * (tall + space) + below);
    this.backdrop = svg("rect", { class: "chosen", y: 0, width: this.slot, height: this.panels.length * (tall + space) });
    this.svg.append(this.backdrop);
    this.panels.forEach((panel, index) => this.drawPanel(panel, index * (tall + space) + space - 6, tall, width - 8));
    const bottom = this.panels.length * (tall + space);
    const every = Math.ceil(NAME_APART / this.slot);
    names.forEach((name, layer) => {
      if (layer % every) return;
      const x = this.left + (layer + 0.5) * this.slot;
      const turn = isUpright ? { transform: `translate(${x + 4} ${bottom + 4}) rotate(-60)`, "text-anchor": "end" } : { x, y: bottom + 14, "text-anchor": "middle" };
      this.svg.append(svg("text", { class: "name", ...turn }, name));
    });
    const at = `step ${this.spec.steps[this.step]}, epoch ${this.spec.epochs[this.step]}`;
    this.shown.textContent = at;
    this.slider.setAttribute("aria-valuetext", at);
    const strongest = this.spec.measures.gradient_norm?.[this.step].map((value, layer) => `${this.name(layer)} ${told(value)}`) ?? [];
    this.svg.setAttribute("aria-label", `Bars of each layer at ${at}. Gradient norm: ${strongest.join(", ")}.`);
    this.choose(this.layer);
  }

  drawPanel(panel, top, tall, right) {
    const [low, high] = panel.range, bottom = top + tall;
    const to = scale(low, high, bottom, top, panel.isLog);
    const marks = panel.isLog ? logTicks(low, high, 4) : [0, 0.5, 1];
    for (const value of marks) {
      const y = to(value);
      this.svg.append(svg("line", { class: "grid", x1: this.left, x2: right, y1: y, y2: y }), svg("text", { x: this.left - 6, y: y + 4, "text-anchor": "end" }, panel.isLog ? value.toExponential(0).replace("+", "") : `${100 * value} %`));
    }
    if (panel.line) this.svg.append(svg("line", { class: "cross", x1: this.left, x2: right, y1: to(panel.line), y2: to(panel.line) }));
    this.svg.append(svg("line", { class: "axis", x1: this.left, x2: right, y1: bottom, y2: bottom }));
    const share = (this.slot * 0.7) / panel.measures.length;
    panel.measures.forEach(([measure, [title, colour]], place) => {
      const start = this.left + place * 110;
      this.svg.append(svg("rect", { class: `fill ${colour}`, x: start, y: top - 18, width: 9, height: 9 }), svg("text", { class: "name", x: start + 14, y: top - 9 }, title));
      this.spec.measures[measure][this.step].forEach((written, layer) => {
        const value = number(written), x = this.left + (layer + 0.15) * this.slot + place * share;
        if (Number.isNaN(value)) return;
        if (panel.isLog && value === 0) {
          this.svg.append(svg("text", { x: x + share / 2, y: bottom - 4, "text-anchor": "middle" }, "0"));
          return;
        }
        const y = clamp(to(value), top, bottom);
        this.svg.append(svg("rect", { class: `fill ${colour} bar-${measure}`, x, y, width: Math.max(share - 1, 1), height: Math.max(bottom - y, 1.5), rx: Math.min(2, share / 4) }));
      });
    });
  }

  choose(layer) {
    this.layer = layer;
    this.backdrop.setAttribute("x", this.left + layer * this.slot);
    const parts = Object.entries(this.spec.measures).map(([name, values]) => [words(name), values[this.step][layer]]).filter(([, value]) => value !== null);
    this.readout.replaceChildren(html("b", {}, html("bdi", {}, this.name(layer))), ...parts.map(([name, value]) => html("span", {}, `${name} `, html("b", {}, told(value)))));
    this.tell(layer, this.spec.layers.length - 1, `${this.name(layer)}: ${parts.map(([name, value]) => `${name} ${told(value)}`).join(", ")}`);
  }

  key(key) {
    const last = this.spec.layers.length - 1;
    const to = { ArrowLeft: this.layer - 1, ArrowRight: this.layer + 1, Home: 0, End: last }[key];
    if (to === undefined) return false;
    this.choose(clamp(to, 0, last));
    const middle = this.left + (this.layer + 0.5) * this.slot;
    this.over.scrollLeft = middle - this.over.clientWidth / 2;
    return true;
  }

  makeTable() {
    const names = Object.keys(this.spec.measures);
    const rows = this.spec.layers.map((_, layer) => [this.name(layer), ...names.map((name) => told(this.spec.measures[name][this.step][layer]))]);
    return table(`Layers at step ${this.spec.steps[this.step]}`, ["layer", ...names.map(words)], rows);
  }
}
