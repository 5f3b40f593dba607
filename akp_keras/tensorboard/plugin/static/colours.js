// The scale of the matrix: from dark violet to bright yellow, ever brighter, so that it is
// readable without colour vision (the colours of matplotlib's viridis, by van der Walt and Smith).

const STOPS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

export function shade(part) {
  const place = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const left = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[left].map(
    (start, channel) => Math.round(start + (place - left) * (STOPS[left + 1][channel] - start)));
}

export const gradient = direction =>
  `linear-gradient(${direction}, ${STOPS.map(stop => `rgb(${stop.join(' ')})`).join(', ')})`;
