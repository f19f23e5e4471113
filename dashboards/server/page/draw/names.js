// Names on a map: where they lie beside their marks.

export function boxAround([x, y], half) {
  return { left: x - half, right: x + half, top: y - half, bottom: y + half };
}

// What a name takes of the map, set off from its mark.
export function boxOf([x, y], label, size, [dx, dy, anchor]) {
  const width = label.length * size * 0.58;
  const height = size * 1.1;
  const left = x + dx - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
  return { left, right: left + width, top: y + dy - height * 0.8, bottom: y + dy + height * 0.2 };
}

// The place of a name beside its mark: where it lies over no other, if there is one.
export function free(at, label, size, taken) {
  const places = [
    [0, size * 1.5, "middle"],
    [0, -size * 0.95, "middle"],
    [size * 0.95, size * 0.35, "start"],
    [-size * 0.95, size * 0.35, "end"],
    [size * 0.95, -size * 0.9, "start"],
    [-size * 0.95, -size * 0.9, "end"],
    [size * 0.95, size * 1.5, "start"],
    [-size * 0.95, size * 1.5, "end"],
    [0, size * 2.5, "middle"],
    [0, -size * 2, "middle"],
  ];
  const boxes = places.map((place) => boxOf(at, label, size, place));
  const over = (one) => taken.filter((other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom).length;
  const best = boxes.reduce((found, one, at) => (over(one) < over(boxes[found]) ? at : found), 0);
  taken.push(boxes[best]);
  const [dx, dy, anchor] = places[best];
  return { x: dx, y: dy, class: `mark-name ${anchor}` };
}
