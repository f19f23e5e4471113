// Asks what is near a place, as long as somebody can see it.

const EVERY_MS = 5000;

export class Nearby {
  // `told` gets what /api/nearby answers, and null when there is no place to look at.
  constructor(told) {
    this.told = told;
    this.place = null;
    this.timer = null;
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  // `place`: { latitude, longitude }, or null.
  follow(place) {
    const same = place?.latitude === this.place?.latitude && place?.longitude === this.place?.longitude;
    this.place = place?.latitude == null || place?.longitude == null ? null : place;
    if (same) return;
    if (this.place) this.ask();
    else {
      clearTimeout(this.timer);
      this.told(null);
    }
  }

  async ask() {
    clearTimeout(this.timer);
    const place = this.place;
    if (!place || document.hidden) return;
    try {
      const answer = await fetch(`/api/nearby?lat=${place.latitude}&lon=${place.longitude}`);
      if (answer.ok && this.place === place) this.told(await answer.json());
    } catch {
      // The page says elsewhere that the desk does not answer.
    }
    if (this.place !== place) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), EVERY_MS);
  }
}
