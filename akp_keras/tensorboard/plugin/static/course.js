// Dispersion over the epochs of training, one line per family.

import {drawn, make} from './elements.js';
import {number, ticks} from './numbers.js';
import {between, familySwaps, tellSwap} from './swaps.js';

const [LEFT, RIGHT, TOP, BOTTOM] = [46, 14, 14, 38];

// Returns a function that moves the marker of time.
export function drawCourse(place, shown) {
  const {trajectory} = shown;
  const known = Object.values(trajectory?.dispersion ?? {}).flat().filter(Number.isFinite);
  if (!known.length) {
    place.replaceChildren(make('p', {class: 'none'}, 'No dispersion was written over time.'));
    return () => {};
  }
  const width = Math.max(220, place.clientWidth);
  const height = Math.round(Math.min(280, Math.max(190, width * 0.55)));
  const {epochs} = trajectory;
  const [first, end] = [epochs[0], epochs.at(-1)];
  const top = Math.max(...known) * 1.05 || 1;
  const x = epoch => LEFT
    + (end > first ? (epoch - first) / (end - first) : 0.5) * (width - LEFT - RIGHT);
  const y = value => height - BOTTOM - (value / top) * (height - TOP - BOTTOM);
  const svg = drawn('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': 'Dispersion of each family over the epochs of training'});
  for (const value of ticks(0, top, 7)) {
    svg.append(drawn('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value)}),
      drawn('text', {x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end'}, number(value)));
  }
  for (const epoch of ticks(first, end, 8).filter(Number.isInteger)) {
    svg.append(drawn('text', {x: x(epoch), y: height - BOTTOM + 17, 'text-anchor': 'middle'},
      number(epoch)));
  }
  svg.append(drawn('text', {class: 'title', x: (LEFT + width - RIGHT) / 2, y: height - 5,
    'text-anchor': 'middle'}, 'after epoch, counted from 0'));
  svg.append(drawn('text', {class: 'title', x: LEFT, y: 0}, 'dispersion'));
  const now = drawn('line', {id: 'now', y1: TOP, y2: height - BOTTOM});
  svg.append(now);
  for (const style of shown.families.values()) {
    const values = trajectory.dispersion[style.name];
    if (!values) continue;
    const corners = values.map((value, time) => [x(epochs[time]), value]);
    const line = drawn('path', {class: 'course', stroke: style.colour, 'data-family': style.name,
      'data-values': JSON.stringify(values), d: corners.map(([at, value], time) =>
        value === null ? '' : `${time && corners[time - 1][1] !== null ? 'L' : 'M'}`
          + `${at.toFixed(2)},${y(value).toFixed(2)}`).join('')},
    drawn('title', {}, style.name));
    svg.append(line);
    svg.append(...familySwaps(shown, style.name).flatMap(swap =>
      drawnSwap(swap, style, epochs, values, x, y)));
  }
  place.replaceChildren(svg, make('p', {class: 'note'}, 'One line per family: the mean distance of '
    + 'its members to their centroid. Rings mark swaps, a thick line the time in which members were '
    + 'swapped one by one, the dashed line the time of the map.'
    + (Object.values(trajectory.swaps).flat().some(({epoch}) => epoch < epochs[0])
      ? ' Swaps before the first snapshot are marked at it, and have no place in the map.' : '')),
  trajectory.averaged ? make('p', {class: 'note averaged'}, 'Snapshots average over the positions of '
    + 'this layer; the tested distances keep them. So the last epoch differs from “How far the '
    + 'members of a family scatter”.') : '');
  return time => {
    now.setAttribute('x1', x(epochs[time]));
    now.setAttribute('x2', x(epochs[time]));
    now.dataset.epoch = epochs[time];
  };
}

// A ring where the family was swapped; where its members were at different times, their stretch.
function drawnSwap(swap, style, epochs, values, x, y) {
  const mixed = (before, after, part) =>
    (before === null || after === null ? null : before + part * (after - before));
  const [from, to] = [swap.first, swap.last].map(at => Math.max(at, epochs[0]));
  const moments = [from, ...epochs.filter(epoch => epoch > from && epoch < to),
    to].filter((moment, place, all) => place === 0 || moment !== all[0]);
  const corners = moments.map(moment => [moment, between(epochs, values, moment, mixed)])
    .filter(([, value]) => value !== null).map(([moment, value]) => [x(moment), y(value)]);
  if (!corners.length) return [];
  const title = drawn('title', {}, `${style.name}: ${tellSwap(swap)}`);
  return corners.length === 1
    ? [drawn('circle', {class: 'swap', r: 3.5, cx: corners[0][0], cy: corners[0][1],
      stroke: style.colour}, title)]
    : [drawn('polyline', {class: 'swap-stretch', stroke: style.colour,
      points: corners.map(corner => corner.join(',')).join(' ')}, title)];
}
