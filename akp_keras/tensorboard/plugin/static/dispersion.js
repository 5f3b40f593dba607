// The dispersion of the families: every member as a dot, the mean and its interval, and what the
// test of the layer and measure concluded.

import {drawn, make} from './elements.js';
import {point} from './families.js';
import {fixed, number, ticks} from './numbers.js';

const ROW = 30;
const BOTTOM = 40;

export function drawDispersion(place, shown, actions) {
  const dispersions = shown.dispersion;
  if (!dispersions?.families.length) {
    place.replaceChildren(make('p', {class: 'none'}, 'Nothing was written for this layer.'));
    return;
  }
  const of = new Map(dispersions.families.map(family => [family.family, family]));
  const rows = [...shown.families.values()].filter(style => of.has(style.name));
  const width = Math.max(260, place.clientWidth);
  const longest = Math.max(...rows.map(style => style.name.length));
  const left = Math.min(0.34 * width, 38 + 6.8 * longest);
  const ratios = rows.some(style => of.get(style.name).ratio !== null);
  const right = ratios ? 128 : 62;
  const height = ROW * rows.length + BOTTOM;
  const all = dispersions.families.flatMap(family => [family.mean, ...(family.interval ?? []),
    ...Object.values(family.distances)]).filter(Number.isFinite);
  const top = Math.max(...all, 0) * 1.03 || 1;
  const x = value => left + (value / top) * (width - left - right);
  const svg = drawn('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'group',
    'aria-label': 'Distances of the members to the centroid of their family'});
  const floor = ROW * rows.length;
  for (const value of ticks(0, top, Math.max(2, (width - left - right) / 42))) {
    svg.append(drawn('line', {class: 'grid', x1: x(value), x2: x(value), y1: 0, y2: floor}),
      drawn('text', {x: x(value), y: floor + 15, 'text-anchor': 'middle'}, number(value)));
  }
  svg.append(drawn('text', {class: 'title', x: (left + width - right) / 2, y: floor + 33,
    'text-anchor': 'middle'}, 'distance to the centroid of the family'));
  if (ratios) {
    svg.append(drawn('text', {class: 'title', x: width, y: floor + 15, 'text-anchor': 'end'},
      `times ${dispersions.control ?? 'control'}`));
  }
  rows.forEach((style, row) => {
    svg.append(drawnFamily(style, of.get(style.name), ROW * (row + 0.5), {x, left, width, ratios},
      dispersions.control, actions));
  });
  place.replaceChildren(svg, ...averaged(shown), verdict(dispersions));
}

function drawnFamily(style, family, y, {x, left, width, ratios}, control, actions) {
  const group = drawn('g', {'data-family': style.name, 'data-mean': family.mean,
    'data-interval': family.interval && JSON.stringify(family.interval)});
  const marker = point(style, 5);
  marker.setAttribute('transform', `translate(8, ${y})`);
  group.append(marker, drawn('text', {class: 'name', x: 20, y: y + 4}, shortened(style.name, left)),
    drawn('title', {}, `${style.name}: dispersion ${number(family.mean)}`));
  const members = Object.entries(family.distances).filter(([, value]) => value !== null);
  members.forEach(([name, value], index) => {
    const offset = members.length > 1 ? (index / (members.length - 1) - 0.5) * 13 : 0;
    const dot = drawn('circle', {class: 'member', cx: x(value), cy: y + offset,
      r: members.length > 40 ? 2 : 3, fill: style.colour, 'data-name': name, 'data-value': value});
    dot.addEventListener('mouseenter', event => actions.tell([name], event,
      `distance to the centroid ${number(value)}`));
    dot.addEventListener('mouseleave', () => actions.tell(null));
    dot.addEventListener('click', () => actions.select([name]));
    group.append(dot);
  });
  if (family.mean === null) {
    group.append(drawn('text', {class: 'title', x: x(0) + 6, y: y + 4}, 'one member'));
    return group;
  }
  if (family.interval) {
    const [low, high] = family.interval.map(x);
    group.append(drawn('path', {class: 'interval', stroke: style.colour,
      d: `M${low},${y}H${high}M${low},${y - 4}v8M${high},${y - 4}v8`}));
  }
  const mean = point(style, 5.5, {class: 'mean'});
  mean.setAttribute('transform', `translate(${x(family.mean)}, ${y})`);
  group.append(mean);
  group.append(drawn('text', {class: 'ratio', x: width, y: y + 4, 'text-anchor': 'end'},
    ratios ? ratioText(family, style.name === control) : fixed(family.mean)));
  return group;
}

const averaged = ({trajectory}) => (trajectory?.averaged ? [make('p', {class: 'note averaged'},
  'These are the tested distances, at all positions of this layer. The map and the scatter during '
  + 'training average over its positions, so their last epoch differs from this.')] : []);

function ratioText({ratio, ratio_interval: interval}, isControl) {
  if (isControl) return '1.00×';
  if (ratio === null) return '';
  const ends = interval ? ` [${interval.map(end => fixed(end, 2)).join(', ')}]` : '';
  return `${fixed(ratio, 2)}×${ends}`;
}

const shortened = (name, left) => {
  const room = Math.floor((left - 36) / 6.6);
  return name.length > room ? `${name.slice(0, Math.max(1, room - 1))}…` : name;
};

const MEANINGS = {
  AKP: 'The Anna Karenina principle holds here',
  'anti-AKP': 'The opposite of the Anna Karenina principle holds here',
  neither: 'Neither the Anna Karenina principle nor its opposite is seen here',
  undecidable: 'It cannot be decided here',
};

function verdict(dispersions) {
  const box = make('div', {id: 'verdict'});
  if (dispersions.verdict) {
    box.append(make('p', {}, make('span', {class: `badge ${dispersions.verdict}`}, dispersions.verdict), ' ',
      make('b', {}, `${MEANINGS[dispersions.verdict] ?? dispersions.verdict}. `), dispersions.reason));
  } else {
    box.append(make('p', {class: 'none'}, 'Nothing was tested yet.'));
  }
  if (dispersions.effect) box.append(make('p', {id: 'effect'}, dispersions.effect));
  for (const caution of dispersions.cautions) box.append(make('p', {class: 'caution'}, caution));
  const level = `${number(100 * dispersions.level)} %`;
  const drawnOf = dispersions.families.some(family => family.interval);
  const ratios = dispersions.families.some(family => family.ratio !== null);
  if (drawnOf) {
    box.append(make('p', {class: 'note'}, `Small points are members; a large point is their mean,`
      + ` the dispersion of the family, with its approximate `
      + `${level} interval (three members or more).`
      + (ratios ? ` To the right, the dispersion over that of ${dispersions.control}`
        + `${dispersions.families.some(family => family.ratio_interval) ? `, with its ${level} interval` : ''}.`
        : '')
      + (dispersions.pvalue === null ? ''
        : ` Test that dispersions differ: adjusted p = ${number(dispersions.pvalue, 2)}.`)));
  }
  return box;
}
