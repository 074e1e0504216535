"use strict";
// A section of charts: the switches above them, and one state for all its panels.

function choice(name, legend, options, choose) {
  const field = make("fieldset", { class: "switch" });
  field.append(make("legend", {}, legend));
  options.forEach((option, place) => {
    const label = make("label");
    const input = make("input", { type: "radio", name, value: option });
    input.checked = place === 0;
    input.addEventListener("change", () => choose(place));
    label.append(input, make("span", {}, option));
    field.append(label);
  });
  return field;
}

function legend(keys, state, redraw, highlight) {
  const box = make("div", { class: "legend", role: "group", "aria-label": "Shown" });
  const entries = keys.map((key, place) => {
    const label = make("label", { class: look(key.colour), title: key.label });
    const input = make("input", { type: "checkbox" });
    input.checked = true;
    input.addEventListener("change", () => {
      state.hidden[input.checked ? "delete" : "add"](place);
      redraw();
    });
    const swatch = draw("svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" });
    swatch.append(draw("path", { d: "M1 4H21" }));
    label.addEventListener("pointerenter", () => highlight(place));
    label.addEventListener("pointerleave", () => highlight(null));
    label.append(input, swatch, make("bdi", {}, key.label));
    return { label, input };
  });
  const all = (shown) => {
    keys.forEach((_, place) => state.hidden[shown ? "delete" : "add"](place));
    for (const { input } of entries) input.checked = shown;
    redraw();
  };
  for (const [text, shown] of keys.length > 2 ? [["all", true], ["none", false]] : []) {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => all(shown));
    box.append(button);
  }
  box.append(...entries.map((entry) => entry.label));
  return box;
}

function fillSection(place, section) {
  const state = { hidden: new Set(), axis: 0, close: false, lit: null };
  const charts = section.panels.map((panel) => new Chart(panel, section, state));
  const redraw = () => charts.forEach((chart) => chart.draw());
  const highlight = (key) => {
    state.lit = key;
    charts.forEach((chart) => chart.highlight());
  };
  const controls = make("div", { class: "controls" });
  const axes = section.panels[0].x.map((axis) => axis.name);
  if (axes.length > 1) {
    controls.append(choice(`${place.id}-axis`, "x axis", axes, (axis) => {
      state.axis = axis;
      redraw();
    }));
  }
  if (place.id === "curves") {
    controls.append(choice(`${place.id}-view`, "y axis", ["whole", "close-up"], (view) => {
      state.close = view === 1;
      redraw();
    }));
  }
  if (section.keys.length) controls.append(legend(section.keys, state, redraw, highlight));
  const panels = make("div", { class: charts.length > 1 ? "panels" : "panels single" });
  panels.append(...charts.map((chart) => chart.figure));
  place.append(controls, panels);
}
