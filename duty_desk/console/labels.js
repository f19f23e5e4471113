// Where words on the map go. Widths are measured on a canvas, which costs no layout of the page.

const family = getComputedStyle(document.body).fontFamily;
const ruler = document.createElement("canvas").getContext("2d");
export const EDGE = 8;

export function widthOf(text, size, weight = 400) {
  ruler.font = `${weight} ${size}px ${family}`;
  return ruler.measureText(text).width;
}

// The box { left, top, right, bottom } of a text of this width, turned by `angle` degrees about its middle.
export function turnedBox([x, y], width, height, angle) {
  const turn = (angle * Math.PI) / 180;
  const [across, along] = [Math.abs(Math.cos(turn)), Math.abs(Math.sin(turn))];
  const [w, h] = [(width * across + height * along) / 2, (width * along + height * across) / 2];
  return { left: x - w, top: y - h, right: x + w, bottom: y + h };
}

export function within(box, width, height) {
  return box.left >= EDGE && box.top >= EDGE && box.right <= width - EDGE && box.bottom <= height - EDGE;
}

export function overlap(one, other) {
  return one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top;
}

// A text as lines no wider than `room`.
export function wrap(text, room, size, weight) {
  const lines = [];
  for (const part of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${part}` : part;
    if (lines.length > 0 && widthOf(longer, size, weight) <= room) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

// A plate of this size beside a mark at (x, y): on the side with more room, and never over the edge.
export function beside(x, y, reach, size, view) {
  const left = x > view.width / 2 ? x - reach - size.width : x + reach;
  const top = y - size.height / 2;
  const inside = (value, length, room) => Math.max(EDGE, Math.min(value, room - length - EDGE));
  const box = { left: inside(left, size.width, view.width), top: inside(top, size.height, view.height) };
  // Where there is no room beside the mark, it goes above or below.
  if (box.left < x + reach && box.left + size.width > x - reach) {
    const above = y - reach - size.height;
    box.top = above >= EDGE ? above : inside(y + reach, size.height, view.height);
  }
  return { ...box, right: box.left + size.width, bottom: box.top + size.height };
}
