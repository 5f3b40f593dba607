// Numbers as people read them.

const DASH = '–';

export const number = (amount, digits = 4) =>
  Number.isFinite(amount) ? Number(amount.toPrecision(digits)).toString().replace('-', '−') : DASH;

export const fixed = (amount, digits = 3) =>
  Number.isFinite(amount) ? amount.toFixed(digits).replace('-', '−') : DASH;

export const percent = fraction =>
  Number.isFinite(fraction) ? `${fixed(100 * fraction, 1)}\u00a0%` : DASH;

export const points = fraction => Number.isFinite(fraction)
  ? `${fraction > 0 ? '+' : ''}${fixed(100 * fraction, 1)}\u00a0points` : DASH;

// The largest of 1, 2 and 5 times a power of ten that is not above it.
export function roundBelow(most) {
  if (!(most > 0 && Number.isFinite(most))) return 0;
  const power = 10 ** Math.floor(Math.log10(most) + 1e-9);
  const round = [5, 2, 1].map(factor => factor * power).find(size => size <= most * (1 + 1e-9));
  return Number(round.toPrecision(10));
}

// Round numbers from low to high, about as many as asked for.
export function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough);
  const values = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * span; place += 1) {
    values.push(Number((place * step).toPrecision(10)));
  }
  return values;
}
