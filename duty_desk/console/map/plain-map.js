// The plain map in SVG, for a browser without WebGL; see ../map.js. It shows less, and what it shows is right.

const SVG = "http://www.w3.org/2000/svg";
const RETRY_MS = 2000;

export class PlainMap {
  static async make(stage, inventory, picked) {
    const [{ StreetMap }, { has, addWords }] = await Promise.all([import("../map.js"), import("../words.js")]);
    // On a page that is not the console, its words are not there yet.
    if (!has("metres")) await addWords().catch(() => {});
    return new PlainMap(StreetMap, stage, inventory, await streets(), picked);
  }

  constructor(StreetMap, stage, inventory, found, picked) {
    this.stage = stage;
    this.svg = document.createElementNS(SVG, "svg");
    // The page's style sheet knows it by this name.
    if (!document.getElementById("map")) this.svg.id = "map";
    this.svg.classList.add("map-plain");
    stage.replaceChildren(this.svg);
    this.map = new StreetMap(this.svg, inventory, found);
    this.svg.addEventListener("click", (event) => {
      const place = this.placeOf(event);
      if (place) picked(place);
    });
  }

  update({ incidents, hero, unreachable }) {
    this.map.missing(unreachable);
    this.map.show(incidents, hero);
  }

  // Its projection is two straight lines, so two points tell it.
  placeOf(event) {
    if (!this.map.project) return null;
    const [x0, y0] = this.map.project([0, 0]);
    const [x1, y1] = this.map.project([1, 1]);
    const box = this.svg.getBoundingClientRect();
    const longitude = (event.clientX - box.left - x0) / (x1 - x0);
    const latitude = (event.clientY - box.top - y0) / (y1 - y0);
    return { latitude, longitude };
  }

  // It always shows the whole.
  go() {}

  restyle() {
    this.map.draw();
  }

  resize() {}

  remove() {
    this.stage.replaceChildren();
  }
}

async function streets() {
  for (let left = 3; left > 0; left -= 1) {
    try {
      const answer = await fetch("/api/streets");
      if (answer.ok) return await answer.json();
    } catch {
      // Asked again below.
    }
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
  return { type: "FeatureCollection", features: [] };
}
