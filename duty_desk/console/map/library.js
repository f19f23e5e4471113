// The map library and the reader of tiles, taken from this desk when a map is first shown.

const LIBRARY = "/static/vendor/maplibre-gl/maplibre-gl.mjs";
const STYLES = { map: "/static/map/map.css", library: "/static/vendor/maplibre-gl/maplibre-gl.css" };
const TILES = "/static/vendor/pmtiles/pmtiles.js";

let library = null;
let tiles = null;

export class NoMap extends Error {
  // `reason` is a key of the map's words.
  constructor(reason, cause) {
    super(reason, { cause });
    this.reason = reason;
  }
}

export function hasWebGl() {
  try {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("webgl2");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context);
  } catch {
    return false;
  }
}

export async function loadLibrary() {
  if (!hasWebGl()) throw new NoMap("plain");
  library ??= import(LIBRARY);
  try {
    const [found] = await Promise.all([library, styled("library")]);
    return found;
  } catch (error) {
    library = null;
    throw new NoMap("no_library", error);
  }
}

// Bring in a style sheet, `map` or `library`, unless the page has it.
export function styled(which) {
  const href = STYLES[which];
  const there = document.querySelector(`link[href="${href}"]`);
  if (there?.sheet) return Promise.resolve();
  const link = there ?? document.createElement("link");
  const come = new Promise((done) => {
    link.addEventListener("load", done);
    link.addEventListener("error", done);
  });
  if (!there) {
    link.rel = "stylesheet";
    link.href = href;
    // Before the page's own, which has the last word.
    document.head.prepend(link);
  }
  return come;
}

// Let the library read the parts of a PMTiles file.
export async function allowTiles(maplibre) {
  tiles ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = TILES;
    script.addEventListener("load", done);
    script.addEventListener("error", () => failed(new NoMap("no_library")));
    document.head.append(script);
  }).then(() => maplibre.addProtocol("pmtiles", new globalThis.pmtiles.Protocol().tile));
  return tiles;
}
