// The ground of a map: streets drawn by MapLibre, or in SVG where the screen has no WebGL. It stands still: nobody
// drags a wall. Marks are laid over it by `project`.

import { get } from "../ask.js";
import { el, rem, svg } from "../dom.js";

const LIBRARY = "/static/vendor/maplibre-gl/maplibre-gl.mjs";
const FONT = ["Noto Sans", "DejaVu Sans", "sans-serif"];
const LOAD_MS = 15_000;
const NAMES = 14;
let streets = null;
let attribution = "";

// Whose map it is, as its licence wants it to be shown.
export function mapIsOf(words) {
  attribution = words ?? "";
}

// Fetched once for all maps of the page; after a failure again.
async function streetsOf() {
  streets ??= get("/api/streets").catch(() => {
    streets = null;
    return { type: "FeatureCollection", features: [] };
  });
  return streets;
}

export async function boundsOfStreets() {
  const places = (await streetsOf()).features.flatMap(({ geometry }) => (geometry.type === "LineString" ? geometry.coordinates : []));
  return boundsOf(places);
}

export function boundsOf(places) {
  if (places.length === 0) return null;
  const [x, y] = [places.map(([each]) => each), places.map(([, each]) => each)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

function hasWebGl() {
  try {
    const context = document.createElement("canvas").getContext("webgl2");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context);
  } catch {
    return false;
  }
}

export class Ground {
  // `moved` is called whenever `project` is another one.
  constructor(place, bounds, moved) {
    this.place = place;
    this.bounds = bounds;
    this.moved = moved;
    this.map = null;
    this.removed = false;
    this.stage = el("div", "ground");
    place.prepend(this.stage);
    if (attribution) place.append(el("p", "attribution", attribution));
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(place);
    this.start();
  }

  async start() {
    if (hasWebGl()) {
      try {
        await this.drawn();
        return;
      } catch {
        this.map?.remove();
        this.map = null;
      }
    }
    if (!this.removed) await this.plain();
  }

  async drawn() {
    const maplibre = await import(LIBRARY);
    // A map that nobody sees any more would keep one of the few drawing contexts there are.
    if (this.removed) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.map = new maplibre.Map({
      container: this.stage,
      style: styleOf(colour),
      bounds: this.bounds,
      fitBoundsOptions: { padding: 30 },
      interactive: false,
      attributionControl: false,
      fadeDuration: 0,
      maxZoom: 19,
    });
    await new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error("the map did not load")), LOAD_MS);
      this.map.once("load", () => {
        clearTimeout(timer);
        done();
      });
    });
    this.map.getCanvas().addEventListener("webglcontextlost", () => {
      if (this.removed) return;
      this.map?.remove();
      this.map = null;
      this.plain();
    });
    this.moved();
  }

  async plain() {
    this.found = await streetsOf();
    this.draw();
    this.moved();
  }

  draw() {
    const drawing = svg("svg", { class: "streets" });
    const named = new Set();
    for (const { geometry, properties } of this.found.features) {
      if (geometry.type !== "LineString") continue;
      const points = geometry.coordinates.map((at) => this.project(at));
      drawing.append(svg("polyline", { points: points.map((at) => at.join(",")).join(" "), class: "street" }));
      if (properties?.name && named.size < NAMES && !named.has(properties.name)) {
        named.add(properties.name);
        const [x, y] = points[Math.floor(points.length / 2)];
        drawing.append(svg("text", { x, y: y - 6, class: "street-name" }, properties.name));
      }
    }
    this.stage.replaceChildren(drawing);
  }

  // The place on the page of a longitude and latitude in degrees.
  project([longitude, latitude]) {
    if (this.map) {
      const { x, y } = this.map.project([longitude, latitude]);
      return [x, y];
    }
    const [west, south, east, north] = this.bounds;
    const [width, height] = [this.place.clientWidth, this.place.clientHeight];
    const narrow = Math.cos(((south + north) / 2) * (Math.PI / 180));
    const scale = Math.min((width - 60) / Math.max(1e-6, (east - west) * narrow), (height - 60) / Math.max(1e-6, north - south));
    return [
      width / 2 + (longitude - (west + east) / 2) * narrow * scale,
      height / 2 - (latitude - (south + north) / 2) * scale,
    ];
  }

  go(bounds) {
    this.bounds = bounds;
    if (this.map) this.map.fitBounds(bounds, { padding: 30, animate: false });
    else if (this.found) this.draw();
    this.moved();
  }

  resize() {
    if (this.map) {
      this.map.resize();
      this.map.fitBounds(this.bounds, { padding: 30, animate: false });
    } else if (this.found) this.draw();
    this.moved();
  }

  remove() {
    this.removed = true;
    this.watch.disconnect();
    this.map?.remove();
    this.map = null;
  }
}

function styleOf(colour) {
  const data = new URL("/api/streets", location.href).href;
  const round = { "line-cap": "round", "line-join": "round" };
  // As large on the screen of twice the lines: sizes here are in px of the page.
  const scale = rem() / 20;
  const width = (narrow, wide) => ["interpolate", ["exponential", 1.5], ["zoom"], 10, narrow * scale, 17, wide * scale];
  return {
    version: 8,
    sources: { streets: { type: "geojson", data } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colour("--map-ground") } },
      { id: "case", type: "line", source: "streets", layout: round, paint: { "line-color": colour("--map-case"), "line-width": width(3.5, 13) } },
      { id: "street", type: "line", source: "streets", layout: round, paint: { "line-color": colour("--map-street"), "line-width": width(2, 10) } },
      {
        id: "names",
        type: "symbol",
        source: "streets",
        filter: ["==", ["geometry-type"], "LineString"],
        layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-font": FONT, "text-size": 15 * scale, "text-padding": 10 },
        paint: { "text-color": colour("--map-name"), "text-halo-color": colour("--map-ground"), "text-halo-width": 2 },
      },
    ],
  };
}
