// The siren: made by oscillators alone, so that it needs no timer and sounds on in a tab that is not in front.

const LOUD = 0.5;
const TEST_MS = 1500;
// Where sound is allowed, it takes a moment to begin.
const BEGIN_MS = 500;

export class Siren {
  // `onBlocked` is told whether the browser holds the sound back.
  constructor(onBlocked) {
    this.onBlocked = onBlocked;
    this.context = new AudioContext();
    this.playing = null;
    this.wanted = null;
    const tell = () => this.onBlocked(this.blocked);
    this.context.addEventListener("statechange", () => {
      tell();
      this.set(this.wanted);
    });
    setTimeout(tell, BEGIN_MS);
  }

  get blocked() {
    return this.context.state !== "running";
  }

  unlock() {
    if (this.blocked) this.context.resume().catch(() => {});
  }

  // `pattern`: "alarm", "drill", "fault", "stale" or null for silence.
  set(pattern) {
    this.wanted = pattern;
    if (this.blocked || (this.playing?.pattern ?? null) === pattern) return;
    this.playing?.stop();
    this.playing = pattern === null ? null : start(this.context, pattern);
    // What sounds can be read from the page.
    document.body.dataset.siren = pattern ?? "";
  }

  // A voice of its own, so that the end of a test never silences an alarm.
  async test() {
    await this.context.resume();
    const voice = start(this.context, "alarm");
    setTimeout(() => voice.stop(), TEST_MS);
  }
}

const PATTERNS = {
  alarm: { type: "sawtooth", low: 650, high: 950, rate: 1.2, loud: LOUD },
  drill: { type: "triangle", low: 520, high: 620, rate: 0.6, loud: LOUD / 2 },
  fault: { type: "triangle", low: 440, high: 330, rate: 0.8, loud: LOUD / 3 },
  stale: { type: "square", low: 220, high: 180, rate: 0.5, loud: LOUD / 4 },
};

function start(context, pattern) {
  const { type, low, high, rate, loud } = PATTERNS[pattern];
  const voice = new OscillatorNode(context, { type, frequency: (low + high) / 2 });
  const sweep = new OscillatorNode(context, { type: "square", frequency: rate });
  const depth = new GainNode(context, { gain: (high - low) / 2 });
  const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: 2600 });
  const gain = new GainNode(context, { gain: 0 });
  sweep.connect(depth).connect(voice.frequency);
  voice.connect(filter).connect(gain).connect(context.destination);
  gain.gain.setTargetAtTime(loud, context.currentTime, 0.02);
  voice.start();
  sweep.start();
  return {
    pattern,
    stop() {
      const now = context.currentTime;
      gain.gain.setTargetAtTime(0, now, 0.02);
      voice.stop(now + 0.15);
      sweep.stop(now + 0.15);
    },
  };
}
