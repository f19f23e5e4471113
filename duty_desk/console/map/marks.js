// What the desk knows, as points on the map. Without the page.

import { ageWord, mapLanguage, mapWord } from "./words.js";

// Units are UCUM codes; people know these by other signs.
const UNITS = { Cel: "°C", "ug/m3": "µg/m³", deg: "°", "W/m2": "W/m²", "[ppm]": "ppm", "[ppb]": "ppb", 1: "" };
const MOVES_MPS = 1;

function point({ longitude, latitude }, properties) {
  return { type: "Feature", geometry: { type: "Point", coordinates: [longitude, latitude] }, properties };
}

function collection(features) {
  return { type: "FeatureCollection", features };
}

function isDrill(incident) {
  return incident.status !== "Actual";
}

export function look(incident) {
  if (incident.ringing) return isDrill(incident) ? "drill" : "ringing";
  return { on_the_way: "moving", resolved: "resolved" }[incident.state] ?? "accepted";
}

export function incidentMarks(incidents, hero) {
  return collection(
    incidents.map((incident) => {
      const large = incident.id === hero;
      const order = (incident.ringing ? 1 : 0) + (large ? 2 : 0);
      return point(incident, { id: incident.id, look: look(incident), hero: large, order });
    }),
  );
}

export function siteMarks(sites) {
  return collection(sites.map((site) => point(site, {})));
}

// A button whose incident is active is under that incident's mark.
export function buttonMarks(buttons, unreachable, incidents) {
  const active = new Set(incidents.map((incident) => `${incident.device}/${incident.button}`));
  return collection(
    buttons
      .filter((button) => !active.has(`${button.device}/${button.id}`))
      .map((button) => point(button, { missing: unreachable.has(`${button.device}/${button.id}`) })),
  );
}

export function vehicleMarks(vehicles) {
  return collection(
    vehicles.map((vehicle) => {
      const moves = vehicle.course_deg !== null && (vehicle.speed_mps ?? 0) >= MOVES_MPS;
      const text = `${vehicle.label}\n${ageWord(vehicle.age_s)}`;
      return point(vehicle, { text, moves, course: moves ? vehicle.course_deg : 0 });
    }),
  );
}

// Of sensors at one place the first few values, as more would be no map.
export function sensorMarks(sensors) {
  const places = new Map();
  for (const sensor of sensors) {
    const key = `${sensor.longitude},${sensor.latitude}`;
    const lines = places.get(key)?.lines ?? [];
    for (const value of sensor.values) if (lines.length < 3) lines.push(valueText(value));
    places.set(key, { sensor, lines });
  }
  return collection([...places.values()].map(({ sensor, lines }) => point(sensor, { text: lines.join("\n") })));
}

export function valueText({ label_id, label_en, unit, value }) {
  const language = mapLanguage();
  const name = language === "en" ? label_en : label_id;
  if (typeof value !== "number") return `${name} ${value}`;
  const number = value.toLocaleString(language === "en" ? "en-GB" : "id-ID", { maximumFractionDigits: 1 });
  return `${name} ${number} ${UNITS[unit] ?? unit}`.trim();
}

export function cameraLink(camera) {
  const link = document.createElement("a");
  link.className = "map-camera";
  link.href = /^(https?|rtsps?):/.test(camera.link) ? camera.link : "#";
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.textContent = "▣";
  link.title = mapWord("camera", { label: camera.label });
  link.setAttribute("aria-label", link.title);
  return link;
}

// Around what is to be seen: [[west, south], [east, north]], or null.
export function boxOf(places) {
  if (places.length === 0) return null;
  const longitudes = places.map((one) => one.longitude);
  const latitudes = places.map((one) => one.latitude);
  return [
    [Math.min(...longitudes), Math.min(...latitudes)],
    [Math.max(...longitudes), Math.max(...latitudes)],
  ];
}
