"use strict";
// A scale takes numbers to pixels and has ticks at round numbers.

function scale(values, log, from, to, most) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = log ? [1, 10] : [0, 1];
  const forward = log ? Math.log10 : Number;
  let start = forward(low), end = forward(high);
  const pad = (end - start) * 0.04 || Math.abs(start) * 0.1 || 0.5;
  start -= pad;
  end += pad;
  return {
    place: (value) => from + ((forward(value) - start) / (end - start)) * (to - from),
    ticks: log ? logTicks(start, end, most) : linearTicks(start, end, most),
  };
}

function linearTicks(start, end, most) {
  const rough = (end - start) / most;
  const power = Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * 10 ** power).find((each) => each >= rough);
  const first = Math.ceil(start / step);
  const count = Math.min(Math.floor(end / step) - first, 2 * most);
  const far = Math.max(Math.abs(start), Math.abs(end));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const label = (value) => {
    if (far >= 1e6 || far < 1e-3) return String(Number(value.toPrecision(4)).toExponential());
    return value.toFixed(Math.min(digits, 12));
  };
  return Array.from({ length: count + 1 }, (_, place) => (first + place) * step + 0)
    .map((value) => ({ value, label: value === 0 ? "0" : label(value) }));
}

function logTicks(start, end, most) {
  const decades = end - start;
  const every = Math.max(1, Math.ceil(decades / most));
  const marks = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 2.5 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(start); power <= Math.ceil(end); power += every) {
    for (const mark of marks) {
      const value = mark * 10 ** power, place = Math.log10(value);
      if (place >= start && place <= end) ticks.push({ value, label: brief(value) });
    }
  }
  return ticks.length > 1 || decades > 1 ? ticks : narrowTicks(start, end, most);
}

// Within less than a decade, round numbers serve a log axis as well.
function narrowTicks(start, end, most) {
  return linearTicks(10 ** start, 10 ** end, most);
}

// A number as a reader wants it: six figures, and no zeros that say nothing.
function brief(value) {
  const rounded = Number(value.toPrecision(6)), size = Math.abs(rounded);
  return size !== 0 && (size >= 1e6 || size < 1e-4) ? rounded.toExponential() : String(rounded);
}
