// The map's own words, so that it can stand on any page. The language is the page's.

let tables = { id: {}, en: {} };
let loading = null;

export function loadMapWords() {
  loading ??= fetch("/static/map/strings.json")
    .then((answer) => answer.json())
    .then((found) => (tables = found));
  return loading;
}

export function mapLanguage() {
  return document.documentElement.lang === "en" ? "en" : "id";
}

export function mapWord(key, values = {}) {
  const text = tables[mapLanguage()][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

// How old something is, in few letters.
export function ageWord(seconds) {
  if (seconds < 5) return mapWord("age_now");
  if (seconds < 120) return mapWord("age_seconds", { count: Math.round(seconds) });
  return mapWord("age_minutes", { count: Math.round(seconds / 60) });
}
