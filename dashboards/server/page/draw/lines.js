// Values over time. More than a few lines cannot be read: the highest and gravest are named, the others are grey.

import uPlot from "/static/vendor/uplot/uPlot.esm.js";
import { el, rem } from "../dom.js";
import { MARKS, clock, gravity, valued } from "../format.js";
import { known, say } from "../words.js";
import { local, zone } from "../zone.js";

const NAMED = 6;
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6"];
const WHOLE = Array.from({ length: 14 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
const DASHES = [[], [9, 5], [3, 4], [14, 4, 3, 4], [6, 3], [2, 6]];

export class Lines {
  constructor(body, panel) {
    this.body = body;
    this.panel = panel;
    this.chart = null;
    this.legend = el("ul", "legend");
    this.place = el("div", "chart");
    this.watch = new ResizeObserver(() => this.found && this.draw(this.found));
  }

  draw(found) {
    this.found = found;
    const chosen = rank(found);
    if (!this.place.isConnected) {
      this.body.replaceChildren(this.place, this.legend);
      this.watch.observe(this.place);
    }
    this.legend.replaceChildren(...chosen.filter(({ named }) => named !== null).toReversed().map((one) => this.entry(one, found)), this.rest(chosen));
    this.chart?.destroy();
    this.chart = null;
    this.place.replaceChildren();
    if (chosen.length === 0 || this.place.clientWidth < 40) return;
    const { data, points } = aligned(chosen);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const size = Math.round(rem() * 0.85);
    const axis = {
      stroke: colour("--soft"),
      font: `${size}px ${style.getPropertyValue("--font")}`,
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1 },
    };
    const stale = found.stale || found.no_answer;
    this.chart = new uPlot(
      {
        width: this.place.clientWidth,
        height: this.place.clientHeight,
        // The axis is divided where the city's hours and days begin.
        ...(zone ? { tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone) } : {}),
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: true, range: () => [found.from_ms / 1000, found.to_ms / 1000] },
          y: { range: (_, low, high) => this.span(low, high) },
        },
        axes: [
          {
            ...axis,
            size: size * 1.9,
            space: size * 6,
            values: (_, splits) => splits.map((at) => axisWord(at * 1000, found.to_ms - found.from_ms)),
          },
          { ...axis, size: (_, words) => wide(words, size), ...(whole(data) ? { incrs: WHOLE } : {}), values: (_, splits) => splits.map((value) => valued(value, this.panel.unit === "By" ? "By" : "").join(" ").trim()) },
        ],
        series: [
          {},
          ...chosen.map(({ named }) => ({
            stroke: stale || named === null ? colour("--grey-line") : colour(COLOURS[named]),
            width: named === null ? 1 : Math.max(2, rem() / 8),
            dash: named === null ? [] : DASHES[named],
            points: { show: points, size: rem() / 2.5 },
          })),
        ],
        hooks: { drawAxes: [(chart) => this.bounds(chart, colour, size)] },
      },
      data,
      this.place,
    );
  }

  span(low, high) {
    const { minimum, maximum, thresholds } = this.panel;
    const bound = thresholds.find(({ value }) => value > (high ?? 0));
    const bottom = minimum ?? low ?? 0;
    const highest = Math.max(high ?? 1, bound && bound.value < (high ?? 0) * 1.6 ? bound.value : -Infinity);
    const top = maximum ?? (highest > bottom ? highest : bottom + 1);
    const room = (top - bottom || 1) * 0.08;
    return [minimum ?? bottom - room, top + room];
  }

  // The bounds between levels, with their words.
  bounds(chart, colour, size) {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `600 ${size * devicePixelRatio}px sans-serif`;
    for (const { value, level } of this.panel.thresholds) {
      const y = chart.valToPos(value, "y", true);
      if (level === "good" || y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(`--${level}`);
      ctx.setLineDash([8, 8]);
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(`${MARKS[level]} ${say(level)}`, bbox.left + 8, y - 5);
    }
    ctx.restore();
  }

  entry({ series, named, value }, found) {
    const key = el("span", "key");
    key.style.borderTopColor = `var(${COLOURS[named]})`;
    key.style.borderTopStyle = DASHES[named].length > 0 ? "dashed" : "solid";
    const [text, unit] = valued(value, this.panel.unit, this.panel.decimals);
    const level = series.level && series.level !== "good" ? `${MARKS[series.level]} ` : "";
    const stale = series.stale && !found.stale ? ` ${MARKS.stale} ${series.newest_ms ? clock(series.newest_ms) : ""}` : "";
    return el("li", series.stale ? "stale" : (series.level ?? ""), key, el("span", "name", known(series.label)), el("b", "", `${level}${text} ${unit}${stale}`));
  }

  rest(chosen) {
    const others = chosen.filter(({ named }) => named === null).length;
    return others > 0 ? el("li", "others", say("more", { n: others })) : "";
  }

  remove() {
    this.watch.disconnect();
    this.chart?.destroy();
  }
}

function rank(found) {
  const all = found.questions.flatMap(({ columns, series }) => {
    const at = columns.findIndex((column) => column !== "time");
    const timeAt = columns.indexOf("time");
    return series.map((each) => {
      const rows = each.rows.filter((row) => typeof row[at] === "number").map((row) => [row[timeAt], row[at]]);
      return { series: each, rows, value: rows.at(-1)?.[1] ?? null, named: null };
    });
  });
  const drawn = all.filter(({ rows }) => rows.length > 0);
  drawn.sort((one, other) => gravity(other.series.level) - gravity(one.series.level) || other.value - one.value);
  drawn.slice(0, NAMED).forEach((one, at) => {
    one.named = at;
  });
  // Drawn last, so that no grey line lies over a named one.
  return drawn.reverse();
}

// uPlot wants one row of times for all. A stretch without values is a gap, never a line drawn across it.
function aligned(chosen) {
  const breaks = chosen.map(({ rows }) => {
    const steps = rows.slice(1).map(([time], n) => time - rows[n][0]).sort((one, other) => one - other);
    const step = steps[Math.floor(steps.length / 2)] ?? 0;
    return rows.slice(1).flatMap(([time], n) => (step && time - rows[n][0] > 3 * step ? [rows[n][0] + step] : []));
  });
  const times = [...new Set([...chosen.flatMap(({ rows }) => rows.map(([time]) => time)), ...breaks.flat()])].sort((a, b) => a - b);
  const place = new Map(times.map((time, at) => [time, at]));
  const columns = chosen.map(({ rows }, n) => {
    const values = new Array(times.length).fill(undefined);
    for (const time of breaks[n]) values[place.get(time)] = null;
    for (const [time, value] of rows) values[place.get(time)] = value;
    return values;
  });
  return { data: [times.map((time) => time / 1000), ...columns], points: times.length < 60 };
}

function whole([, ...columns]) {
  return columns.every((values) => values.every((value) => value === undefined || value === null || Number.isInteger(value)));
}

// As wide as its longest word, such as 10.0 GB; what was cut off on the left would be another number.
function wide(words, size) {
  const longest = Math.max(0, ...(words ?? []).map((word) => word.length));
  return size * Math.max(4.2, longest * 0.62 + 1);
}

function axisWord(ms, spanMs) {
  const at = local(ms);
  if (spanMs > 60 * 86_400_000) return `${at.month}/${at.year.slice(-2)}`;
  if (spanMs > 2 * 86_400_000) return `${Number(at.day)}/${Number(at.month)}`;
  return `${at.hour}:${at.minute}`;
}
