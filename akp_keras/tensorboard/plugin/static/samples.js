// Which probe samples two members relate most differently to the others. A member's factor F
// (n × k) stands for its centred Gram matrix of norm 1, G ≈ F·Fᵀ: row i says how alike sample i is
// to every sample. The difference of two members at sample i is the length of row i of
// F·Fᵀ − H·Hᵀ, which needs no n × n matrix:
// ‖fᵢ·Fᵀ − hᵢ·Hᵀ‖² = fᵢ(FᵀF)fᵢ − 2 fᵢ(FᵀH)hᵢ + hᵢ(HᵀH)hᵢ.

export function decodeFactor(content) {
  const bytes = Uint8Array.from(atob(content.data), letter => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const {samples, factors} = content;
  if (bytes.length !== 2 * samples * factors) throw new Error('a sample factor is damaged');
  const values = new Float64Array(samples * factors);
  for (let index = 0; index < values.length; index += 1) {
    values[index] = half(view.getUint16(2 * index, true));
  }
  return {samples, factors, values};
}

// All samples in order of falling difference, as {sample, difference}; equal ones by their place.
export function byDifference(first, second) {
  if (first.samples !== second.samples) throw new Error('the members have different probe sets');
  const products = [product(first, first), product(first, second), product(second, second)];
  const samples = Array.from({length: first.samples}, (_, sample) => {
    const square = form(first, products[0], first, sample)
      - 2 * form(first, products[1], second, sample) + form(second, products[2], second, sample);
    return {sample, difference: Math.sqrt(Math.max(0, square))};
  });
  return samples.sort((a, b) => b.difference - a.difference || a.sample - b.sample);
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

function product(first, second) {
  const values = new Float64Array(first.factors * second.factors);
  for (let sample = 0; sample < first.samples; sample += 1) {
    for (let row = 0; row < first.factors; row += 1) {
      const left = first.values[sample * first.factors + row];
      for (let column = 0; column < second.factors; column += 1) {
        values[row * second.factors + column] +=
          left * second.values[sample * second.factors + column];
      }
    }
  }
  return values;
}

function form(first, middle, second, sample) {
  let sum = 0;
  for (let row = 0; row < first.factors; row += 1) {
    for (let column = 0; column < second.factors; column += 1) {
      sum += first.values[sample * first.factors + row] * middle[row * second.factors + column]
        * second.values[sample * second.factors + column];
    }
  }
  return sum;
}
