// The other screens of the desk, as far as one of them needs somebody: asleep, behind, or without sound.

import { $, made } from "./dom.js";
import { word } from "./words.js";

const SHOWN = 12;

let known = [];

// `screens`: [{ screen, name, role, state, sound, rings }].
export function setScreens(screens) {
  known = screens;
  renderScreens();
}

export function renderScreens() {
  const troubled = known.flatMap((one) => {
    const what = trouble(one);
    return what === null ? [] : [{ ...one, what }];
  });
  $("screens").hidden = troubled.length === 0;
  const items = troubled.slice(0, SHOWN).map(({ screen, name, what }) => {
    const item = made("li", "");
    item.append(made("b", "", `${screen} (${name})`), " ", what);
    return item;
  });
  $("screens-list").replaceChildren(...items);
}

function trouble({ state, sound }) {
  if (state === "asleep" || state === "behind") return word(`screen_${state}`);
  if (sound === "blocked" || sound === "quiet") return word(`screen_${sound}`);
  return null;
}
