// Lines and spans of the map, without the page.

export function lines({ geometry }) {
  if (geometry.type === "LineString") return [geometry.coordinates];
  return geometry.type === "MultiLineString" ? geometry.coordinates : [];
}

export function vertices(feature) {
  return feature.geometry.type === "Point" ? [feature.geometry.coordinates] : lines(feature).flat();
}

export function path(points) {
  return points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// The middle of the longest visible piece of a line, its length and its reading direction.
export function middleOfVisible(points, width, height) {
  let best = null;
  let piece = [];
  const visible = ([x, y]) => x > 20 && y > 20 && x < width - 20 && y < height - 40;
  const finish = () => {
    if (piece.length > 1) {
      const [start, end] = [piece[0], piece[piece.length - 1]];
      const length = Math.hypot(end[0] - start[0], end[1] - start[1]);
      if (!best || length > best.length) best = { length, piece };
    }
    piece = [];
  };
  for (const point of densify(points)) {
    if (visible(point)) piece.push(point);
    else finish();
  }
  finish();
  if (!best) return null;
  const at = Math.floor(best.piece.length / 2);
  const reach = Math.max(1, Math.floor(best.piece.length / 6));
  const from = best.piece[Math.max(0, at - reach)];
  const to = best.piece[Math.min(best.piece.length - 1, at + reach)];
  let angle = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
  if (angle > 90) angle -= 180;
  if (angle < -90) angle += 180;
  return { at: best.piece[at], length: best.length, angle };
}

function densify(points) {
  const dense = [];
  for (let at = 0; at + 1 < points.length; at += 1) {
    const [from, to] = [points[at], points[at + 1]];
    const steps = Math.min(200, Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 12)));
    for (let step = 0; step < steps; step += 1) {
      const share = step / steps;
      dense.push([from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]);
    }
  }
  dense.push(points[points.length - 1]);
  return dense;
}

export function nice(metres) {
  const power = 10 ** Math.floor(Math.log10(metres));
  return [5, 2, 1].find((step) => step * power <= metres) * power;
}

export function mid(values) {
  return (Math.min(...values) + Math.max(...values)) / 2;
}

export function spread(values) {
  return Math.max(...values) - Math.min(...values);
}
