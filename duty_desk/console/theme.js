// Before the first paint, so that a dark room stays dark. The switches themselves are in choices.js.
document.documentElement.dataset.theme = localStorage.getItem("siaga.theme") ?? "auto";
document.documentElement.dataset.contrast = localStorage.getItem("siaga.contrast") ?? "auto";
