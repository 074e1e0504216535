"use strict";
// One panel: axes, a line or dots for each series, and what lies under the pointer.
// Text is only ever written as text; colours come from the style sheet.

const VECTOR = document.getElementById("vector").namespaceURI;

function make(name, attributes = {}, text = "", space = null) {
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

const draw = (name, attributes, text) => make(name, attributes, text, VECTOR);
const look = (colour) => `k${colour % 10} d${Math.floor(colour / 10) % 4}`;
const withUnit = (axis) => (axis.unit ? `${axis.name} (${axis.unit})` : axis.name);

class Chart {
  // `state` is the section's: hidden keys, chosen x axis, close or whole view, highlighted key.
  constructor(panel, section, state) {
    Object.assign(this, { panel, section, state, hits: [], at: -1 });
    this.figure = make("figure", { class: "panel" });
    const caption = make("figcaption");
    caption.append(make("bdi", { title: panel.title }, panel.title));
    if (panel.note) caption.append(make("small", {}, panel.note));
    const title = `${panel.title}: ${withUnit(panel.y)}. Arrow keys go from point to point.`;
    this.svg = draw("svg", { tabindex: 0, role: "img", "aria-label": title });
    this.tip = make("div", { class: "tip", role: "status", hidden: "" });
    const frame = make("div", { class: "frame" });
    frame.append(this.svg, this.tip);
    const above = panel.y.name === panel.title ? panel.y.unit : withUnit(panel.y);
    this.figure.append(caption, make("bdi", { class: "axis" }, above), frame);
    this.axis = make("bdi", { class: "axis below" });
    this.figure.append(this.axis);
    if (panel.atlas) {
      this.atlas = new Image();
      this.atlas.src = panel.atlas.source;
    }
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.show(-1));
    this.svg.addEventListener("blur", () => this.show(-1));
    this.svg.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  // [series, x values] of what is switched on, in the panels that share this one's axes.
  visible(panels = [this.panel]) {
    return panels.flatMap((panel) => panel.series)
      .filter((series) => !this.state.hidden.has(series.key))
      .map((series) => [series, series.x[this.state.axis]]);
  }

  scales(width, height) {
    const { panel, section, state } = this;
    const peers = section.panels.filter((each) => each === panel || (panel.share !== undefined && each.share === panel.share));
    const across = [], along = [], late = [];
    for (const [{ y }, x] of this.visible(peers)) {
      const known = y.flatMap((value, place) => (value === null || x[place] === null ? [] : [place]));
      for (const [order, place] of known.entries()) {
        across.push(x[place]);
        along.push(y[place]);
        if (order >= known.length / 3) late.push(y[place]);
      }
    }
    // The close view keeps what each curve does after its first third.
    const y = scale(state.close ? late : along, panel.y.log, height - 26, 8, 5);
    const left = 14 + 7 * Math.max(...y.ticks.map((tick) => tick.label.length), 2);
    const x = scale(across, panel.x[state.axis].log, left, width - 12, Math.max(2, width / 90));
    return { x, y, left };
  }

  draw() {
    const width = this.svg.clientWidth, height = this.svg.clientHeight;
    if (!width) return;
    const { x, y, left } = this.scales(width, height), { panel, state } = this;
    this.axis.textContent = withUnit(panel.x[state.axis]);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    const grid = this.svg.appendChild(draw("g", { class: "grid" }));
    for (const { value, label } of y.ticks) {
      const at = y.place(value);
      grid.append(draw("path", { d: `M${left} ${at}H${width - 12}` }));
      grid.append(draw("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, label));
    }
    for (const { value, label } of x.ticks) {
      const at = x.place(value);
      grid.append(draw("path", { d: `M${at} ${height - 26}v4` }));
      grid.append(draw("text", { x: at, y: height - 8, "text-anchor": "middle" }, label));
    }
    const inside = this.svg.appendChild(draw("svg", { x: left, y: 0, width: width - left, height: height - 24, viewBox: `${left} 0 ${width - left} ${height - 24}` }));
    this.hits = [];
    this.paths = new Map();
    for (const [series, across] of this.visible()) {
      let line = "", dots = "", pen = "M", count = 0;
      series.y.forEach((value, place) => {
        if (value === null || across[place] === null) return (pen = "M");
        const px = x.place(across[place]), py = y.place(value);
        const spot = `${px.toFixed(1)} ${py.toFixed(1)}`;
        line += pen + spot;
        dots += `M${spot}h0`;
        pen = "L";
        count += 1;
        if (py >= 0 && py <= height - 24) this.hits.push({ px, py, series, place, x: across[place], y: value });
      });
      const group = inside.appendChild(draw("g", { class: look(this.key(series)?.colour ?? 0) }));
      if (!panel.dots) group.append(draw("path", { class: "line", d: line || "M0 0" }));
      if (panel.dots || count <= 30) group.append(draw("path", { class: panel.dots ? "cloud" : "dots", d: dots || "M0 0" }));
      this.paths.set(series, group);
    }
    if (!this.hits.length) {
      const text = "Nothing to draw: all is switched off, or has no values on this axis.";
      this.svg.append(draw("text", { class: "empty", x: width / 2, y: height / 2, "text-anchor": "middle" }, text));
    }
    this.ring = inside.appendChild(draw("circle", { class: "ring", r: 5, visibility: "hidden" }));
    this.show(-1);
    this.highlight();
  }

  key(series) {
    return this.section.keys[series.key];
  }

  highlight(only = null) {
    const lit = ([series]) => (only ? series === only : series.key === this.state.lit);
    const any = only || this.state.lit !== null;
    for (const entry of this.paths ?? []) entry[1].classList.toggle("faint", Boolean(any) && !lit(entry));
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    let nearest = -1, least = 40 ** 2;
    this.hits.forEach((hit, place) => {
      const distance = (box.left + hit.px - event.clientX) ** 2 + (box.top + hit.py - event.clientY) ** 2;
      if (distance < least) [nearest, least] = [place, distance];
    });
    this.show(nearest);
  }

  step(event) {
    const ways = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") return this.show(-1);
    if (!(event.key in ways) || !this.hits.length) return;
    event.preventDefault();
    let next = this.at + ways[event.key];
    if (this.at >= 0 && event.key.match(/Up|Down/)) {
      const from = this.hits[this.at].series;
      while (this.hits[next]?.series === from) next += ways[event.key];
    }
    if (next < 0 || next >= this.hits.length) next = Math.max(this.at, 0);
    this.show(next);
  }

  show(place) {
    this.at = place;
    const hit = this.hits[place];
    this.tip.hidden = !hit;
    this.ring?.setAttribute("visibility", hit ? "visible" : "hidden");
    if (!this.panel.dots) this.highlight(hit?.series);
    if (!hit) return;
    const { panel } = this, { series } = hit;
    this.ring.setAttribute("cx", hit.px);
    this.ring.setAttribute("cy", hit.py);
    this.tip.replaceChildren();
    for (const text of [this.key(series)?.label, series.name]) {
      if (text) this.tip.append(make("bdi", {}, text));
    }
    for (const [axis, value] of [[panel.x[this.state.axis], hit.x], [panel.y, hit.y]]) {
      const line = make("span");
      line.append(make("bdi", {}, axis.name), " ", make("b", {}, brief(value)));
      this.tip.append(line);
    }
    if (this.atlas) this.tip.prepend(this.picture(series.place[hit.place]));
    const { clientWidth: width, clientHeight: height } = this.svg;
    const beyond = hit.px + 14 + this.tip.offsetWidth > width;
    const left = beyond ? hit.px - 14 - this.tip.offsetWidth : hit.px + 14;
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${Math.max(0, Math.min(hit.py - 20, height - this.tip.offsetHeight))}px`;
  }

  picture(place) {
    const { columns, width, height } = this.panel.atlas;
    const canvas = make("canvas", { width, height, role: "img", "aria-label": "decoded image" });
    const column = place % columns, row = Math.floor(place / columns);
    canvas.getContext("2d").drawImage(this.atlas, column * width, row * height, width, height, 0, 0, width, height);
    return canvas;
  }
}
