// Before the first paint, so that a dark room stays dark. The switch itself is in choices.js.
document.documentElement.dataset.theme = localStorage.getItem("siaga.theme") ?? "auto";
