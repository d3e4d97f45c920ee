/** How this machine computes sound: a tone, compressed, rendered in memory. Nothing is played, no microphone is touched. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

const SAMPLES = 5000;
const SAMPLE_RATE = 44_100;
/** The first samples are the compressor settling down. */
const SETTLED = 4500;

async function render(): Promise<string> {
  const context = new OfflineAudioContext(1, SAMPLES, SAMPLE_RATE);
  const tone = context.createOscillator();
  tone.type = "triangle";
  tone.frequency.value = 10_000;
  const compressor = context.createDynamicsCompressor();
  compressor.threshold.value = -50;
  compressor.knee.value = 40;
  compressor.ratio.value = 12;
  compressor.attack.value = 0;
  compressor.release.value = 0.25;
  tone.connect(compressor).connect(context.destination);
  tone.start();
  const samples = (await context.startRendering()).getChannelData(0).subarray(SETTLED);
  return samples.reduce((sum, sample) => sum + Math.abs(sample), 0).toString();
}

/** A digest of two renderings that agree. Where they differ, the browser adds noise, and there is none. */
export async function audio(): Promise<Signals> {
  if (typeof OfflineAudioContext !== "function") return {};
  const [first, second] = await Promise.all([render(), render()]);
  return first === second ? { hashes: { audio: hash(first) } } : {};
}
