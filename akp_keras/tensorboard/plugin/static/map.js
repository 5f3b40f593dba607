// The members as points in the plane, in one scale for both axes: distances on the screen are
// comparable in every direction. With snapshots, the points stand where they were at the chosen
// epoch, and trails lead there.

import {drawn} from './elements.js';
import {point} from './families.js';
import {number, roundBelow} from './numbers.js';
import {between} from './swaps.js';

const MARGIN = 22;

// Returns a function that moves the points to another time.
export function drawMap(place, shown, actions) {
  const {matrix, trajectory} = shown;
  const width = Math.max(160, place.clientWidth);
  const height = width;
  const members = trajectory ? trajectory.members : matrix.members;
  const places = trajectory ? trajectory.coordinates : matrix.coordinates.map(at => [at]);
  const frame = fit(places.flat(), width, height);
  const svg = drawn('svg', {
    width, height, viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: 'group',
    'data-scale': frame.scale,
    'aria-label': 'Map of the members. Arrow keys go from member to member, Enter selects one.',
  });
  const ways = drawn('g', {class: 'ways'});
  const marks = drawn('g', {class: 'swaps'});
  const dots = drawn('g', {class: 'dots'});
  const radius = members.length > 150 ? 3.5 : members.length > 60 ? 4.5 : 6;
  const centres = new Map();
  const drawnMembers = members.map((name, index) => {
    const style = shown.styleOf(name);
    const way = drawn(trajectory ? 'polyline' : 'line', {
      class: 'way', stroke: style?.colour, 'data-name': name});
    ways.append(way);
    const dot = point(style, radius, {class: 'point', id: `point-${index}`, 'data-name': name});
    dot.addEventListener('mouseenter', event => actions.tell([name], event));
    dot.addEventListener('mouseleave', () => actions.tell(null));
    dot.addEventListener('click', () => actions.select([name]));
    dots.append(dot);
    const swaps = trajectory ? swapPlaces(shown, name, places[index]).map(swap => {
      const ring = drawn('circle', {
        class: 'swap', r: radius - 1.5, stroke: style?.colour, 'data-name': name,
        'data-epoch': swap.epoch, cx: frame.x(swap.at), cy: frame.y(swap.at),
      }, drawn('title', {}, `${name}: ${swap.label}: ${swap.when}`));
      marks.append(ring);
      return {ring, epoch: swap.epoch};
    }) : [];
    return {name, family: shown.familyOf(name), way, dot, swaps};
  });
  svg.append(ways, marks, dots, drawn('g', {class: 'raised'}), scaleBar(frame, height));
  place.replaceChildren(svg);
  walk(svg, members, dots, actions);

  const move = time => {
    const now = drawnMembers.map((_, index) => places[index][time]);
    centres.clear();
    drawnMembers.forEach(({family}, index) => {
      if (!there(now[index])) return;
      const sum = centres.get(family) ?? [0, 0, 0];
      centres.set(family, [sum[0] + now[index][0], sum[1] + now[index][1], sum[2] + 1]);
    });
    drawnMembers.forEach(({family, way, dot, swaps}, index) => {
      const at = now[index];
      dot.toggleAttribute('hidden', !there(at));
      way.toggleAttribute('hidden', !there(at));
      if (!there(at)) return;
      dot.style.transform = `translate(${frame.x(at)}px, ${frame.y(at)}px)`;
      dot.dataset.x = at[0];
      dot.dataset.y = at[1];
      if (trajectory) {
        way.setAttribute('points', places[index].slice(0, time + 1).filter(there)
          .map(past => `${frame.x(past).toFixed(2)},${frame.y(past).toFixed(2)}`).join(' '));
        for (const {ring, epoch} of swaps) {
          ring.toggleAttribute('hidden', epoch > trajectory.epochs[time]);
        }
      } else {
        const [x, y, count] = centres.get(family);
        const centre = [x / count, y / count];
        for (const [name, value] of Object.entries({
          x1: frame.x(centre), y1: frame.y(centre), x2: frame.x(at), y2: frame.y(at)})) {
          way.setAttribute(name, value);
        }
      }
    });
    svg.dataset.epoch = trajectory ? trajectory.epochs[time] : '';
  };
  move(trajectory ? shown.time : 0);
  return move;
}

export function highlight(names) {
  for (const dot of document.querySelectorAll('.dots .point')) {
    dot.classList.toggle('hot', names.includes(dot.dataset.name));
  }
  // Drawn once more above all others: moving the points themselves would upset the pointer's events.
  document.querySelector('.raised')?.replaceChildren(...[...document.querySelectorAll('.point.hot')]
    .map(dot => drawn('use', {href: `#${dot.id}`, 'data-name': dot.dataset.name})));
}

const there = at => Boolean(at) && at[0] !== null && at[1] !== null;

function fit(all, width, height) {
  const positions = all.filter(there);
  const ends = [0, 1].map(axis => {
    let [low, high] = [Infinity, -Infinity];
    for (const at of positions) {
      low = Math.min(low, at[axis]);
      high = Math.max(high, at[axis]);
    }
    return positions.length ? [low, high] : [0, 0];
  });
  const room = [width - 2 * MARGIN, height - 2 * MARGIN - 18];
  const needed = Math.max(...ends.map(([low, high], axis) => (high - low) / room[axis]));
  const scale = needed > 0 ? 1 / needed : 1;
  const middle = ends.map(([low, high]) => (low + high) / 2);
  return {
    scale,
    x: at => width / 2 + scale * (at[0] - middle[0]),
    y: at => (height - 18) / 2 - scale * (at[1] - middle[1]),
  };
}

// Where a member was when it was swapped.
function swapPlaces(shown, name, way) {
  const {epochs, swaps} = shown.trajectory;
  const mixed = (before, after, part) => (there(before) && there(after)
    ? before.map((from, axis) => from + part * (after[axis] - from)) : null);
  return (swaps[name] ?? []).map(swap => ({...swap, at: between(epochs, way, swap.epoch, mixed)}))
    .filter(({at}) => there(at));
}

function scaleBar(frame, height) {
  const length = roundBelow(110 / frame.scale);
  const size = length * frame.scale;
  const bottom = height - 8;
  return drawn('g', {class: 'scalebar'},
    drawn('path', {d: `M${MARGIN},${bottom - 5}v5h${size}v-5`}),
    drawn('text', {x: MARGIN + size + 7, y: bottom + 1}, `distance ${number(length)}`));
}

function walk(svg, members, dots, actions) {
  let at = -1;
  svg.addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (step) {
      at = (Math.max(at, step < 0 ? 0 : -1) + step + members.length) % members.length;
      const box = dots.children[at].getBoundingClientRect();
      actions.tell([members[at]], {clientX: box.right, clientY: box.bottom});
    } else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) {
      actions.select([members[at]]);
    } else {
      return;
    }
    event.preventDefault();
  });
  svg.addEventListener('blur', () => actions.tell(null));
}
