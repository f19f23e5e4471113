// The city's zone: times are told in it, wherever the browser is.

export const zone = known(document.documentElement.dataset.zone);
const formats = new Map();

// A zone that this browser does not know leaves it its own, whose name is then beside the clock.
function known(name) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

// By Intl's options; kept, as to make a format takes longer than all its uses.
function format(options, locale) {
  const key = JSON.stringify([locale, options]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, { ...options, timeZone: zone }));
  return formats.get(key);
}

const WHOLE = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

// A moment as the city's clocks and calendars have it: year, month, day, hour, minute and second, two digits each but the year.
export function local(ms) {
  return Object.fromEntries(format(WHOLE, "en-GB").formatToParts(ms).map(({ type, value }) => [type, value]));
}

export function dayAndMonth(ms, locale) {
  return format({ day: "numeric", month: "short" }, locale).format(ms);
}

// As people there call it: WIB, WITA, WIT. In English they would have no names.
export function zoneName(ms) {
  return format({ timeZoneName: "short" }, "id-ID").formatToParts(ms).find(({ type }) => type === "timeZoneName").value;
}
