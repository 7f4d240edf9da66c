// Charts of a result, drawn by uPlot from the JSON beside each. Loaded only where a page has one (see `needs` in
// platform/live.js). The same numbers stand below each chart as a table; what is drawn here adds nothing to them.
const DASHES = [[], [10, 4], [2, 3], [10, 3, 2, 3], [16, 5], [5, 5]]; // As the legend of result.css.
const BOTH = 3; // uPlot clips what is filled and what is stroked.
const drawn = new Map();

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const figures = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const said = (value) => (value === null || value === undefined ? "–" : figures.format(value));
const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

// Rectangles between given places, on either axis: the bins of a histogram, and bars.
const boxes = (corners) => (chart, series) => {
  const path = new Path2D();
  const { scale } = chart.series[series];
  chart.data[series].forEach((value, at) => {
    if (value === null) return;
    const [from, to] = corners(at).map((place) => chart.valToPos(place, "x", true));
    const [foot, top] = [0, value].map((place) => chart.valToPos(place, scale, true));
    const [left, up, width, height] = chart.scales.x.ori
      ? [Math.min(foot, top), from, Math.abs(top - foot), to - from]
      : [from, Math.min(foot, top), to - from, Math.abs(top - foot)];
    path.rect(left, up, width, height);
  });
  return { stroke: path, fill: path, clip: null, flags: BOTH };
};

function axis(scale, more = {}) {
  return {
    scale,
    size: 28,
    gap: 4,
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    labelSize: 20,
    stroke: color("--quiet"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

// A moment as exact as the distance of the marks asks for, in UTC as everywhere in a result.
function moment(seconds, step) {
  const text = new Date(seconds * 1000).toISOString().replace("T", " ");
  if (step >= 86400) return text.slice(0, step >= 31536000 ? 4 : step >= 2419200 ? 7 : 10);
  return step >= 60 ? text.slice(5, 16) : text.slice(11, 19);
}

const plain = (data) => ({ x: { time: data.time } });
const place = (data, at) =>
  data.time ? new Date(data.x[at] * 1000).toISOString().slice(0, 16).replace("T", " ") : said(data.x[at]);
const label = (title) => (title ? { label: title } : {});
const fitting = (_, marks) => Math.max(40, 14 + 7 * Math.max(0, ...(marks ?? []).map((mark) => mark.length)));
const amounts = (data) =>
  axis("y", { size: fitting, values: (_, all) => all.map(said), ...label(data.y_title) });
const places = (data) =>
  axis("x", {
    values: (_chart, all, _axis, _space, step) =>
      all.map((value) => (data.time ? moment(value, step) : said(value))),
    grid: { show: false },
    space: data.time ? 90 : 60,
    ...label(data.x_title),
  });
const padded = { pad: 0.05, soft: 0, mode: 1 };
const withZero = (_, low, high) =>
  uPlot.rangeNum(Math.min(low, 0), Math.max(high, 0), { min: padded, max: padded });
const filled = (corners) => ({
  fill: color("--chart-1-soft"),
  stroke: color("--chart-1"),
  width: 1,
  points: { show: false },
  paths: boxes(corners),
});

// Each kind: the options of uPlot, its data, and what is said about the place under the pointer.

function histogram(data) {
  return {
    options: {
      scales: { x: { time: data.time, range: [data.edges[0], data.edges.at(-1)] }, y: { range: withZero } },
      series: [{}, filled((at) => [data.edges[at], data.edges[at + 1]])],
      axes: [places(data), amounts(data)],
    },
    data: [data.edges.slice(0, -1), data.y],
    says: (at) => `${data.said[at]}: ${said(data.y[at])}`,
    // The bin that the pointer is in, not the one whose edge is nearest.
    nearest: (_chart, _series, at, place) => (place < data.edges[at] ? Math.max(0, at - 1) : at),
  };
}

function bars(data, room) {
  const at = data.labels.map((_, index) => index);
  const width = Math.min(room * 0.42, 16 + 7 * Math.max(...data.labels.map((each) => each.length)));
  const names = data.labels.map((each) => short(each, Math.floor((width - 12) / 7)));
  return {
    height: (data.y_title ? 58 : 38) + 24 * at.length,
    options: {
      scales: {
        x: { time: false, ori: 1, dir: -1, range: [-0.6, at.length - 0.4] },
        y: { ori: 0, dir: 1, range: withZero },
      },
      series: [{}, filled((index) => [index - 0.36, index + 0.36])],
      axes: [
        axis("x", { side: 3, size: width, splits: () => at, values: () => names, grid: { show: false } }),
        axis("y", { side: 2, values: (_, all) => all.map(said), space: 60, ...label(data.y_title) }),
      ],
    },
    data: [at, data.y],
    says: (index) => `${data.labels[index]}: ${said(data.y[index])}`,
  };
}

function line(data) {
  const where = (at) => data.labels?.[at] ?? place(data, at);
  const several = data.series.length > 1;
  const named = (each, at) => (several ? `${each.name} ` : "") + said(each.y[at]);
  const words = {
    values: (_, all) => all.map((at) => short(data.labels[at] ?? "", 12)),
    grid: { show: false },
    space: 80,
    incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
    ...label(data.x_title),
  };
  return {
    options: {
      scales: plain(data),
      series: [
        {},
        ...data.series.map((each, at) => ({
          label: each.name,
          stroke: color(`--chart-${at + 1}`),
          width: 2,
          dash: DASHES[at],
          points: { show: data.x.length < 40, size: 6, fill: color(`--chart-${at + 1}`) },
        })),
      ],
      axes: [data.labels ? axis("x", words) : places(data), amounts(data)],
    },
    data: [data.x, ...data.series.map((each) => each.y)],
    says: (at) => `${where(at)}: ${data.series.map((each) => named(each, at)).join(", ")}`,
  };
}

function scatter(data) {
  return {
    options: {
      scales: plain(data),
      series: [
        {},
        {
          stroke: color("--chart-1"),
          paths: () => null,
          points: { show: true, size: 6, width: 1, fill: color("--chart-1-soft") },
        },
      ],
      axes: [places(data), amounts(data)],
    },
    data: [data.x, data.y],
    says: (at) => `${place(data, at)}: ${said(data.y[at])}`,
  };
}

const KINDS = { histogram, bars, line, scatter };

function draw(figure) {
  const area = figure.querySelector(".chart-area");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const made = KINDS[data.kind](data, area.clientWidth);
  const saying = figure.querySelector(".chart-says");
  drawn.get(area)?.destroy();
  const marked = !["bars", "histogram"].includes(data.kind);
  const say = ({ cursor: { idx } }) => {
    saying.textContent = typeof idx === "number" ? made.says(idx) : "";
  };
  const options = {
    width: Math.max(200, area.clientWidth),
    height: made.height ?? 240,
    padding: [8, data.time ? 34 : 16, 0, 0],
    tzDate: utc,
    legend: { show: false },
    cursor: {
      drag: { setScale: false, x: false, y: false },
      y: false,
      points: { show: marked },
      ...(made.nearest ? { dataIdx: made.nearest } : {}),
    },
    hooks: { setCursor: [say] },
    ...made.options,
  };
  drawn.set(area, new uPlot(options, made.data, area));
}

const resized = new ResizeObserver((areas) => {
  for (const { target } of areas) {
    const chart = drawn.get(target);
    const width = Math.max(200, target.clientWidth);
    if (chart && chart.width !== width) draw(target.closest("figure"));
  }
});

function drawAll(again) {
  for (const area of drawn.keys())
    if (!area.isConnected) {
      drawn.get(area).destroy();
      drawn.delete(area);
    }
  for (const figure of document.querySelectorAll("figure.chart")) {
    const area = figure.querySelector(".chart-area");
    if (!again && area.firstChild) continue;
    draw(figure);
    resized.observe(area);
  }
}

drawAll(false);
document.addEventListener("htmx:after:swap", () => drawAll(false));
new MutationObserver(() => drawAll(true)).observe(document.documentElement, {
  attributeFilter: ["data-bs-theme"],
});
