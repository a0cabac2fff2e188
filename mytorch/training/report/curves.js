// Charts of lines and of points: a crosshair that reads them, and zooming.

class XYChart extends Chart {
  constructor(figure, spec) {
    super(figure, spec);
    this.isPoints = spec.kind === "points";
    this.isLog = Boolean(spec.log);
    this.hidden = new Set();
    this.series = spec.series.map((one, index) => ({
      ...one, index, xs: one.x.map(number), ys: one.y.map(number),
    }));
    const xs = this.series.flatMap((one) => one.xs).filter(Number.isFinite);
    const ys = this.series.flatMap((one) => one.ys).filter(Number.isFinite);
    if (this.isPoints) this.full = padded([...extent([...xs, ...ys])]);
    else this.full = xs.length ? extent(xs) : [0, 1];
    if (this.full[0] === this.full[1]) this.full = [this.full[0] - 0.5, this.full[1] + 0.5];
    this.view = [...this.full];
    this.yView = this.isPoints ? [...this.full] : null;
    this.makeTools();
    this.makeLegend();
    this.collect();
    this.at = this.isPoints ? -1 : this.startingPlace();
    this.listen();
    this.addTable(() => this.makeTable());
    this.svg.setAttribute("aria-label", this.summary());
    this.begin();
  }

  makeTools() {
    if (!this.isPoints) {
      const button = this.button("logarithmic scale", "log", () => {
        this.isLog = !this.isLog;
        button.setAttribute("aria-pressed", this.isLog);
        this.draw();
      });
      button.setAttribute("aria-pressed", this.isLog);
    }
    this.button("zoom in", "+", () => this.zoom(0.5));
    this.button("zoom out", "−", () => this.zoom(2));
    this.button("show all", "reset", () => this.reset());
  }

  makeLegend() {
    this.place = html("span", { class: "place" });
    this.legend = html("div", { class: "legend", role: "group", "aria-label": `${this.spec.title}: lines` }, this.place);
    this.values = this.series.map((one) => {
      const value = html("b", {});
      const button = html("button", { type: "button", "aria-pressed": "true", title: "show or hide" },
        html("i", { class: `swatch s${one.colour % 14}`, "aria-hidden": "true" }), html("bdi", {}, one.name), value);
      button.addEventListener("click", () => {
        const hide = !this.hidden.delete(one.index);
        if (hide) this.hidden.add(one.index);
        button.setAttribute("aria-pressed", !hide);
        this.collect();
        this.draw();
      });
      this.legend.append(button);
      return value;
    });
    this.below.append(this.legend);
  }

  // The places at which the crosshair can stand: each x of a line, or each point.
  collect() {
    const shown = this.series.filter((one) => !this.hidden.has(one.index));
    if (this.isPoints) {
      this.places = shown.flatMap((one) => one.xs.map((x, i) => ({ x, y: one.ys[i], row: one.row[i], one })))
        .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)).sort((a, b) => a.x - b.x);
    } else {
      this.places = [...new Set(shown.flatMap((one) => one.xs))].sort((a, b) => a - b);
    }
    for (const one of this.series) one.byX ??= new Map(one.xs.map((x, i) => [x, i]));
  }

  startingPlace() {
    const best = this.places.indexOf(this.spec.best);
    return best >= 0 ? best : this.places.length - 1;
  }

  summary() {
    const parts = this.series.map((one) => {
      if (this.isPoints) return `${one.name}: ${one.xs.length} points`;
      const last = one.ys.length - 1;
      return last < 0 ? one.name : `${one.name} from ${told(one.y[0])} at ${this.spec.x} ${one.x[0]} to ${told(one.y[last])} at ${this.spec.x} ${one.x[last]}`;
    });
    const axes = this.isPoints ? `${this.spec.title} over ${this.spec.x}` : `${this.spec.title} over the ${this.spec.x}s`;
    return `Chart of ${axes}. ${parts.join("; ")}.`;
  }

  makeTable() {
    if (this.isPoints) {
      const points = thin(this.places, ROWS);
      return table(this.caption(points, this.places), [this.spec.x, this.spec.title, "row", "split"],
        points.map((point) => [show(point.x), show(point.y), String(point.row), point.one.name]));
    }
    const places = [...new Set(this.series.flatMap((one) => one.xs))].sort((a, b) => a - b);
    const rows = thin(places, ROWS);
    return table(this.caption(rows, places), [this.spec.x, ...this.series.map((one) => one.name)],
      rows.map((x) => [String(x), ...this.series.map((one) => (one.byX.has(x) ? told(one.y[one.byX.get(x)]) : "-"))]));
  }

  caption(shown, all) {
    return shown.length < all.length ? `${this.spec.title}, ${shown.length} of ${all.length} rows, evenly spaced` : this.spec.title;
  }

  // --- drawing

  draw() {
    if (!this.width) return;
    const width = this.width, height = this.isPoints ? clamp(width * 0.62, 260, 480) : clamp(width * 0.5, 210, 330);
    const [yLow, yHigh] = this.yView ?? this.yRange();
    const yTicks = (this.isLog ? logTicks : ticks)(yLow, yHigh, height / 60);
    const left = Math.max(...yTicks.map((value) => show(value).length), 3) * 7.2 + 10;
    this.box = { left, right: width - 10, top: 10, bottom: height - 38 };
    const { right, top, bottom } = this.box;
    this.toX = scale(...this.view, left, right);
    this.toY = scale(yLow, yHigh, bottom, top, this.isLog);
    this.size(width, height);
    const clip = `clip-${this.figure.dataset.chart}`;
    this.svg.append(svg("clipPath", { id: clip }, svg("rect", { x: left - 5, y: top - 4, width: right - left + 10, height: bottom - top + 8 })));
    for (const value of yTicks) {
      const y = this.toY(value);
      this.svg.append(svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }), svg("text", { x: left - 7, y: y + 4, "text-anchor": "end" }, show(value)));
    }
    const whole = !this.isPoints;
    for (const value of ticks(...this.view, width / 64).filter((tick) => !whole || Number.isInteger(tick))) {
      this.svg.append(svg("text", { x: this.toX(value), y: bottom + 17, "text-anchor": "middle" }, show(value)));
    }
    this.svg.append(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    this.svg.append(svg("text", { x: right, y: bottom + 33, "text-anchor": "end" }, cut(this.spec.x, 60)));
    const inside = svg("g", { "clip-path": `url(#${clip})` });
    this.svg.append(inside);
    this.drawMarks(inside);
    for (const one of this.series) if (!this.hidden.has(one.index)) this.drawSeries(inside, one);
    this.over = svg("g", {});
    this.svg.append(this.over);
    this.drawCross();
  }

  drawMarks(inside) {
    const { top, bottom } = this.box;
    if (this.isPoints) {
      const [low, high] = this.full;
      inside.append(svg("line", { class: "axis", x1: this.toX(low), x2: this.toX(high), y1: this.toY(low), y2: this.toY(high) }));
    } else if (this.spec.best) {
      const x = this.toX(this.spec.best);
      inside.append(svg("line", { class: "mark", x1: x, x2: x, y1: top, y2: bottom }));
      const isLate = x > this.box.right - 70;
      if (this.figure.classList.contains("full")) {
        inside.append(svg("text", { x: isLate ? x - 5 : x + 5, y: top + 10, "text-anchor": isLate ? "end" : "start" }, "best epoch"));
      }
    }
  }

  drawSeries(inside, one) {
    let path = "", isDown = false, seen = 0;
    const dots = [];
    one.xs.forEach((x, i) => {
      const y = one.ys[i];
      if (!Number.isFinite(x) || !Number.isFinite(y) || (this.isLog && y <= 0)) {
        isDown = false;
        return;
      }
      const place = `${this.toX(x).toFixed(1)} ${this.toY(y).toFixed(1)}`;
      path += this.isPoints ? `M${place}h0` : `${isDown ? "L" : "M"}${place}`;
      if (x >= this.view[0] && x <= this.view[1] && ++seen <= 30) dots.push(place.split(" "));
      isDown = true;
    });
    inside.append(svg("path", { class: `${this.isPoints ? "dots" : "line"} s${one.colour % 14}`, d: path }));
    if (!this.isPoints && seen <= 30) {
      for (const [cx, cy] of dots) inside.append(svg("circle", { class: `dot s${one.colour % 14}`, cx, cy, r: 3.5 }));
    }
  }

  // The range of what is to be seen of the lines that are shown.
  yRange() {
    const values = [];
    for (const one of this.series) {
      if (this.hidden.has(one.index)) continue;
      one.xs.forEach((x, i) => {
        const y = one.ys[i];
        if (x >= this.view[0] && x <= this.view[1] && Number.isFinite(y) && (!this.isLog || y > 0)) values.push(y);
      });
    }
    if (!values.length) return this.isLog ? [0.1, 1] : [0, 1];
    const [low, high] = extent(values);
    if (!this.isLog) return this.spec.isShare ? [0, clamp(high * 1.1, 0.1, 1)] : padded([low, high]);
    return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  }

  drawCross() {
    this.over.replaceChildren();
    if (this.isPoints) this.drawPointCross();
    else this.drawLineCross();
  }

  drawLineCross() {
    const x = this.places[this.at];
    this.place.textContent = x === undefined ? "" : `${this.spec.x} ${x}`;
    const parts = [];
    this.series.forEach((one, index) => {
      const i = this.hidden.has(index) ? undefined : one.byX.get(x);
      this.values[index].textContent = i === undefined ? "" : told(one.y[i]);
      if (i !== undefined) parts.push(`${one.name} ${told(one.y[i])}`);
    });
    this.tell(Math.max(this.at, 0), Math.max(this.places.length - 1, 0), `${this.place.textContent}: ${parts.join(", ")}`);
    if (x === undefined || x < this.view[0] || x > this.view[1]) return;
    const { top, bottom } = this.box, at = this.toX(x);
    this.over.append(svg("line", { class: "cross", x1: at, x2: at, y1: top, y2: bottom }));
    for (const one of this.series) {
      const y = this.hidden.has(one.index) ? NaN : one.ys[one.byX.get(x)];
      if (Number.isFinite(y) && (!this.isLog || y > 0)) {
        this.over.append(svg("circle", { class: `dot s${one.colour % 14}`, cx: at, cy: this.toY(y), r: 4.5 }));
      }
    }
  }

  drawPointCross() {
    const point = this.places[this.at];
    const last = Math.max(this.places.length - 1, 0);
    if (!point) {
      this.place.textContent = "Point at a row to read it.";
      this.tell(0, last, this.place.textContent);
      return;
    }
    const text = `${point.one.name} row ${point.row}: true ${show(point.x)}, predicted ${show(point.y)}, error ${show(point.y - point.x)}`;
    this.place.textContent = text;
    this.tell(this.at, last, text);
    this.over.append(svg("circle", { class: "ring", cx: this.toX(point.x), cy: this.toY(point.y), r: 6 }));
  }

  // --- moving and zooming

  key(key) {
    const last = this.places.length - 1, far = Math.max(Math.round(last / 10), 1);
    const to = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1, ArrowUp: this.at + 1, ArrowDown: this.at - 1, PageUp: this.at + far, PageDown: this.at - far, Home: 0, End: last }[key];
    if (to !== undefined) this.move(clamp(to, 0, last));
    else if (key === "+" || key === "=") this.zoom(0.5);
    else if (key === "-") this.zoom(2);
    else if (key === "0" || key === "Escape") this.reset();
    else return false;
    return true;
  }

  move(at) {
    this.at = at;
    const place = this.places[at], x = this.isPoints ? place?.x : place;
    if (x !== undefined && (x < this.view[0] || x > this.view[1])) { // the view goes along
      const half = (this.view[1] - this.view[0]) / 2;
      this.show([x - half, x + half], this.isPoints ? [place.y - half, place.y + half] : null);
    } else {
      this.drawCross();
    }
  }

  zoom(factor, pixel, yPixel) {
    const around = (range, middle) => range.map((end) => middle + (end - middle) * factor);
    const place = this.places[this.at];
    const cross = this.isPoints ? place?.x : place;
    const inView = cross >= this.view[0] && cross <= this.view[1];
    const x = pixel !== undefined ? this.toX.back(pixel) : inView ? cross : (this.view[0] + this.view[1]) / 2;
    if (!this.isPoints) return this.show(around(this.view, x));
    const y = yPixel !== undefined ? this.toY.back(yPixel) : inView ? place.y : (this.yView[0] + this.yView[1]) / 2;
    return this.show(around(this.view, x), around(this.yView, y));
  }

  reset() {
    this.show(this.full, this.isPoints ? this.full : null);
  }

  show(view, yView = null) {
    this.view = within(view, this.full);
    if (this.isPoints && yView) this.yView = within(yView, this.full);
    this.draw();
  }

  nearest(x, y) {
    let best = -1, least = Infinity;
    this.places.forEach((place, index) => {
      const distance = this.isPoints ? Math.hypot(this.toX(place.x) - x, this.toY(place.y) - y) : Math.abs(this.toX(place) - x);
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  listen() {
    let start = null;
    const place = (event) => {
      const corner = this.svg.getBoundingClientRect();
      return [event.clientX - corner.left, event.clientY - corner.top];
    };
    const dragged = (event) => {
      const [x, y] = place(event), { left, right, top, bottom } = this.box;
      const xs = [clamp(Math.min(start[0], x), left, right), clamp(Math.max(start[0], x), left, right)];
      const ys = this.isPoints ? [clamp(Math.min(start[1], y), top, bottom), clamp(Math.max(start[1], y), top, bottom)] : [top, bottom];
      return { xs, ys };
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      start = place(event);
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      if (!this.box) return;
      this.at = this.nearest(...place(event));
      this.drawCross();
      if (!start) return;
      const { xs, ys } = dragged(event);
      this.over.append(svg("rect", { class: "select", x: xs[0], y: ys[0], width: xs[1] - xs[0], height: ys[1] - ys[0] }));
    });
    const end = (event, isDone) => {
      if (!start) return;
      const { xs, ys } = dragged(event);
      start = null;
      if (isDone && xs[1] - xs[0] > 6 && (!this.isPoints || ys[1] - ys[0] > 6)) {
        this.show(xs.map(this.toX.back), this.isPoints ? [this.toY.back(ys[1]), this.toY.back(ys[0])] : null);
      } else {
        this.drawCross();
      }
    };
    this.plot.addEventListener("pointerup", (event) => end(event, true));
    this.plot.addEventListener("pointercancel", (event) => end(event, false));
    this.plot.addEventListener("dblclick", () => this.reset());
    this.plot.addEventListener("wheel", (event) => {
      if (document.activeElement !== this.plot) return; // the page shall scroll past a chart
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 0.8 : 1.25, ...place(event));
    }, { passive: false });
  }
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

function padded([low, high]) {
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return [low - room, high + room];
}

// A range that is moved and cut so that it lies within another, and is not too narrow to be told apart.
function within([low, high], [least, most]) {
  const width = clamp(high - low, (most - least) / 10000, most - least);
  const from = clamp((low + high) / 2 - width / 2, least, most - width);
  return [from, from + width];
}

function thin(rows, most) {
  if (rows.length <= most) return rows;
  return Array.from({ length: most }, (_, i) => rows[Math.round((i * (rows.length - 1)) / (most - 1))]);
}
