// How the map is drawn: the base map's layers and those of what the desk knows. Without `glyphs`, so that names are drawn
// in the fonts of this machine; nothing is asked for anywhere else.

const FONT = ["Noto Sans", "DejaVu Sans", "sans-serif"];
const EMPTY = { type: "FeatureCollection", features: [] };
const STREET_WIDTH = { motorway: [2, 9], major: [1.6, 8], medium: [1, 6], minor: [0.4, 4] };

// A tile layer is known by its name: as OpenMapTiles, Protomaps and tippecanoe call it.
const TILE_KINDS = [
  [/^(earth|land|boundar)/, null],
  [/water|ocean|river/, "water"],
  [/landuse|landcover|park|natural|green/, "green"],
  [/building/, "building"],
  [/(transportation|road|street)_?(name|label)/, "names"],
  [/road|street|transportation|highway|jalan/, "roads"],
  [/place|settlement/, "places"],
];
const MAJOR = ["motorway", "trunk", "primary", "highway", "major_road", "major"];
const TILE_NAME = ["coalesce", ["get", "name:id"], ["get", "name"], ["get", "n"]];

export function style(map, c) {
  const sources = {
    streets: { type: "geojson", data: new URL("/api/streets", location.href).href, tolerance: 0.2 },
    sites: { type: "geojson", data: EMPTY },
    buttons: { type: "geojson", data: EMPTY },
    incidents: { type: "geojson", data: EMPTY },
    vehicles: { type: "geojson", data: EMPTY },
    sensors: { type: "geojson", data: EMPTY },
  };
  const base = map?.tiles ? tileLayers(map.tiles.layers, c) : streetLayers(c);
  if (map?.tiles) {
    const url = `pmtiles://${new URL(map.tiles.url, location.href).href}`;
    sources.tiles = { type: "vector", url };
  }
  return { version: 8, sources, layers: [background(c), ...base, ...deskLayers(c)] };
}

function background(c) {
  return { id: "ground", type: "background", paint: { "background-color": c.ground } };
}

function grown([narrow, wide]) {
  return ["interpolate", ["exponential", 1.5], ["zoom"], 10, narrow, 17, wide];
}

function streetLayers(c) {
  const lines = ["minor", "medium", "major", "motorway"].flatMap((kind) => {
    const filter = ["all", ["==", ["geometry-type"], "LineString"], ["==", ["get", "class"], kind]];
    const [narrow, wide] = STREET_WIDTH[kind];
    const round = { "line-cap": "round", "line-join": "round" };
    const common = { type: "line", source: "streets", filter, layout: round };
    return [
      { ...common, id: `case-${kind}`, paint: { "line-color": c.case, "line-width": grown([narrow + 1, wide + 2.5]) } },
      { ...common, id: `street-${kind}`, paint: { "line-color": c[kind], "line-width": grown([narrow, wide]) } },
    ];
  });
  return [
    ...lines,
    names("street-names", { source: "streets" }, ["get", "name"], c, ["==", ["geometry-type"], "LineString"]),
    {
      ...label("landmarks", { source: "streets" }, ["get", "name"], c),
      filter: ["==", ["geometry-type"], "Point"],
      minzoom: 13,
    },
  ];
}

function names(id, source, field, c, filter) {
  return {
    id,
    type: "symbol",
    ...source,
    minzoom: 12,
    filter,
    layout: {
      "symbol-placement": "line",
      "text-field": field,
      "text-font": FONT,
      "text-size": ["interpolate", ["linear"], ["zoom"], 12, 11, 17, 15],
      "text-padding": 12,
      "symbol-spacing": 320,
    },
    paint: { "text-color": c.name, "text-halo-color": c.halo, "text-halo-width": 1.6 },
  };
}

function label(id, source, field, c) {
  return {
    id,
    type: "symbol",
    ...source,
    layout: { "text-field": field, "text-font": FONT, "text-size": 13, "text-max-width": 9 },
    paint: { "text-color": c.name, "text-halo-color": c.halo, "text-halo-width": 1.6 },
  };
}

function kindOf(layer) {
  return TILE_KINDS.find(([pattern]) => pattern.test(layer.toLowerCase()))?.[1];
}

function tileLayers(layers, c) {
  const found = layers.flatMap((layer) => {
    const source = { source: "tiles", "source-layer": layer };
    const area = ["==", ["geometry-type"], "Polygon"];
    const line = ["==", ["geometry-type"], "LineString"];
    const fill = (colour) => [
      { id: `${layer}-area`, type: "fill", ...source, filter: area, paint: { "fill-color": colour } },
    ];
    switch (kindOf(layer)) {
      case "water":
        return [
          ...fill(c.water),
          { id: `${layer}-line`, type: "line", ...source, filter: line, paint: { "line-color": c.water } },
        ];
      case "green":
        return fill(c["green-area"]);
      case "building":
        return fill(c.building);
      case "roads":
        return [tileRoads(layer, source, line, c), names(`${layer}-names`, source, TILE_NAME, c, line)];
      case "names":
        return [names(`${layer}-names`, source, TILE_NAME, c, line)];
      case "places":
        return [label(`${layer}-names`, source, TILE_NAME, c)];
      default:
        return [];
    }
  });
  // Names last, so that no area covers one.
  found.sort((one, other) => (one.type === "symbol") - (other.type === "symbol"));
  if (found.length > 0) return found;
  return layers.map((layer) => {
    const paint = { "line-color": c.medium, "line-width": grown(STREET_WIDTH.medium) };
    return { id: `${layer}-line`, type: "line", source: "tiles", "source-layer": layer, paint };
  });
}

function tileRoads(layer, source, filter, c) {
  const kind = ["to-string", ["coalesce", ["get", "class"], ["get", "kind"], ["get", "highway"], ["get", "h"], ""]];
  const major = ["in", kind, ["literal", MAJOR]];
  return {
    id: `${layer}-line`,
    type: "line",
    ...source,
    filter,
    layout: { "line-cap": "round", "line-join": "round" },
    paint: {
      "line-color": ["case", major, c.major, c.medium],
      "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, ["case", major, 1.6, 0.6], 17, ["case", major, 8, 5]],
    },
  };
}

function deskLayers(c) {
  const missing = ["get", "missing"];
  const hero = ["get", "hero"];
  return [
    {
      id: "sensors",
      type: "circle",
      source: "sensors",
      paint: { "circle-radius": 5, "circle-color": c.sensor, "circle-stroke-color": c.edge, "circle-stroke-width": 1.5 },
    },
    {
      ...label("sensor-values", { source: "sensors" }, ["get", "text"], c),
      layout: { ...beside(["get", "text"]), "text-max-width": 14 },
    },
    {
      id: "sites",
      type: "circle",
      source: "sites",
      paint: { "circle-radius": 4, "circle-color": c["button-core"], "circle-stroke-color": c.site, "circle-stroke-width": 2 },
    },
    {
      id: "buttons",
      type: "circle",
      source: "buttons",
      paint: {
        "circle-radius": ["case", missing, 9, 7],
        "circle-color": ["case", missing, c.missing, c["button-core"]],
        "circle-stroke-color": ["case", missing, c["missing-mark"], c.button],
        "circle-stroke-width": ["case", missing, 2, 4],
      },
    },
    {
      id: "buttons-missing",
      type: "symbol",
      source: "buttons",
      filter: missing,
      layout: { "text-field": "×", "text-font": FONT, "text-size": 18, "text-allow-overlap": true },
      paint: { "text-color": c["missing-mark"] },
    },
    {
      id: "vehicles",
      type: "symbol",
      source: "vehicles",
      layout: {
        "icon-image": ["case", ["get", "moves"], "arrow", "dot"],
        "icon-rotate": ["get", "course"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        ...beside(["get", "text"]),
        "text-optional": true,
      },
      paint: { "text-color": c.text, "text-halo-color": c.halo, "text-halo-width": 1.6 },
    },
    {
      id: "incidents",
      type: "circle",
      source: "incidents",
      layout: { "circle-sort-key": ["get", "order"] },
      paint: {
        "circle-radius": ["case", hero, 13, 10],
        "circle-color": ["match", ["get", "look"], ...["ringing", "drill", "moving", "resolved"].flatMap((one) => [one, c[one]]), c.accepted],
        "circle-stroke-color": c.edge,
        "circle-stroke-width": 3,
      },
    },
    // What is placed last here is placed first on the map: no name or value is drawn over a mark or the address.
    room("sites-room", "sites", "room-small"),
    room("buttons-room", "buttons", "room-small"),
    room("incidents-room", "incidents", "room"),
    { ...room("address-room", "incidents", "room-address"), filter: hero },
  ];
}

// A label beside its mark, on the side where there is room for it.
function beside(text) {
  return {
    "text-field": text,
    "text-font": FONT,
    "text-size": 12,
    "text-variable-anchor": ["top", "bottom", "left", "right"],
    "text-radial-offset": 1.2,
    "text-justify": "auto",
  };
}

// Takes a mark's place from labels, and shows nothing: circles and the page's own elements do not do so by themselves.
function room(id, source, image) {
  const offset = image === "room-address" ? { "icon-offset": [0, -30], "icon-anchor": "bottom" } : {};
  return { id, type: "symbol", source, layout: { "icon-image": image, "icon-allow-overlap": true, ...offset } };
}
