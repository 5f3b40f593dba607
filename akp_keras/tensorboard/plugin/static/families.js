// The order of families and the colour and marker that each keeps in every panel: the control
// first, in grey, the others as they first appear. The colours are in style.css, for light and
// for dark.

import {drawn} from './elements.js';

const COLOURS = 11;
const MARKERS = ['square', 'triangle', 'diamond', 'reverse', 'plus', 'cross', 'hexagon'];

export function styleFamilies(names, control) {
  const families = [...new Set(names)];
  const reference = families.includes(control) ? control : families[0];
  const perturbed = families.filter(family => family !== reference);
  return new Map([reference, ...perturbed].filter(Boolean).map((family, index) => [family, {
    name: family,
    place: index,
    variable: index ? `--family-${(index - 1) % COLOURS}` : '--family-control',
    colour: index ? `var(--family-${(index - 1) % COLOURS})` : 'var(--family-control)',
    marker: index ? MARKERS[(index - 1) % MARKERS.length] : 'circle',
  }]));
}

// A family's own point, of about the same area whatever its shape.
export const point = (style, radius, attributes = {}) => drawn('path', {
  d: outline(style?.marker ?? 'circle', radius), fill: style?.colour ?? 'currentColor',
  ...attributes,
});

function outline(marker, radius) {
  const polygon = (sides, turn, size) => `M${Array.from({length: sides}, (_, corner) => {
    const angle = turn + (2 * Math.PI * corner) / sides;
    return `${(size * Math.sin(angle)).toFixed(2)},${(-size * Math.cos(angle)).toFixed(2)}`;
  }).join('L')}Z`;
  const r = radius;
  switch (marker) {
    case 'square': return polygon(4, Math.PI / 4, 1.25 * r);
    case 'triangle': return polygon(3, 0, 1.4 * r);
    case 'diamond': return polygon(4, 0, 1.3 * r);
    case 'reverse': return polygon(3, Math.PI, 1.4 * r);
    case 'hexagon': return polygon(6, 0, 1.1 * r);
    case 'plus': return cross(r, 0);
    case 'cross': return cross(r, Math.PI / 4);
    default: return `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`;
  }
}

function cross(radius, turn) {
  const [long, short] = [1.25 * radius, 0.45 * radius];
  const corners = [[-short, -long], [short, -long], [short, -short], [long, -short], [long, short],
    [short, short], [short, long], [-short, long], [-short, short], [-long, short],
    [-long, -short], [-short, -short]];
  return `M${corners.map(([x, y]) => [
    x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn),
  ].map(value => value.toFixed(2)).join(',')).join('L')}Z`;
}
