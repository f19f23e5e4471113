// The vehicles' icons, drawn here, as a picture from anywhere would have to be fetched.

const SIZE = 44;
// How much room a mark takes from labels, in px: nothing is seen of it. `room-address` is as large as an address gets.
const ROOMS = { "room-small": [18, 18], room: [56, 56], "room-address": [262, 78] };

function drawn(paint) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  context.translate(SIZE / 2, SIZE / 2);
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.beginPath();
  paint(context);
  context.closePath();
  return context;
}

function image(context, fill, edge) {
  context.fillStyle = fill;
  context.strokeStyle = edge;
  context.stroke();
  context.fill();
  return context.getImageData(0, 0, SIZE, SIZE);
}

// `arrow` points north; the map turns it.
export function addIcons(map, c) {
  const arrow = drawn((context) => {
    context.moveTo(0, -18);
    context.lineTo(13, 16);
    context.lineTo(0, 9);
    context.lineTo(-13, 16);
  });
  const dot = drawn((context) => context.arc(0, 0, 11, 0, 2 * Math.PI));
  for (const [name, context] of [["arrow", arrow], ["dot", dot]]) {
    const made = image(context, c.vehicle, c["vehicle-edge"]);
    if (map.hasImage(name)) map.updateImage(name, made);
    else map.addImage(name, made, { pixelRatio: 2 });
  }
  for (const [name, [width, height]] of Object.entries(ROOMS)) {
    if (!map.hasImage(name)) map.addImage(name, new ImageData(width, height));
  }
}
