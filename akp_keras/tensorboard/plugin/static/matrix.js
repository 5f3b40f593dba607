// The matrix of all pairs, members ordered by family, one pixel or more a pair.

import {gradient, shade} from './colours.js';
import {make} from './elements.js';
import {number} from './numbers.js';

const BAND = 9;
const GAP = 3;

export function drawMatrix(place, shown, actions) {
  const {matrix, order, view} = shown;
  const numbers = matrix[view];
  const {low, high, alike} = range(matrix, numbers);
  const names = order.map(index => matrix.members[index]);
  const count = names.length;
  const width = Math.max(120, place.clientWidth);
  const ratio = Math.max(1, window.devicePixelRatio || 1);
  const edge = Math.round(BAND * ratio);
  // With more members than pixels the browser makes the picture smaller, so that none is left out.
  const inner = Math.max(Math.round(width * ratio) - edge, count);
  const canvas = make('canvas', {
    width: inner + edge, height: inner + edge, tabindex: 0, role: 'img',
    'aria-label': `Matrix of ${count} × ${count} members. Arrow keys move, Enter selects a pair.`,
  });
  const scale = width / (inner + edge);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${width}px`;
  Object.assign(canvas.dataset, {
    edge: edge * scale, cell: (inner / count) * scale, low, high, view, members: count,
  });
  paint(canvas, {numbers, order, names, shown, low, high, alike, inner, edge, ratio});

  const cursor = make('div', {class: 'cursor', hidden: ''});
  const cell = (inner / count) * scale;
  let at = null;
  const put = (pair, where) => {
    at = pair;
    cursor.hidden = !pair;
    if (!pair) {
      actions.tell(null);
      return;
    }
    const [row, column] = pair;
    const size = Math.max(cell, 3);
    Object.assign(cursor.style, {
      left: `${edge * scale + column * cell}px`, top: `${edge * scale + row * cell}px`,
      width: `${size}px`, height: `${size}px`,
    });
    actions.tell([names[row], names[column]], where);
  };
  const pairAt = event => {
    const box = canvas.getBoundingClientRect();
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map(
      distance => Math.floor((distance - edge * scale) / cell));
    return [row, column].every(index => index >= 0 && index < count) ? [row, column] : null;
  };
  canvas.addEventListener('mousemove', event => put(pairAt(event), event));
  canvas.addEventListener('mouseleave', () => put(null));
  canvas.addEventListener('blur', () => put(null));
  canvas.addEventListener('click', event => {
    const pair = pairAt(event);
    if (pair) actions.select(pair.map(index => names[index]));
  });
  canvas.addEventListener('keydown', event => {
    const moves = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
    if (moves[event.key]) {
      const [row, column] = at ?? [0, 0];
      const next = at ? [row + moves[event.key][0], column + moves[event.key][1]] : [0, 0];
      const box = canvas.getBoundingClientRect();
      const inside = next.map(index => Math.min(Math.max(index, 0), count - 1));
      put(inside, {
        clientX: box.left + edge * scale + (inside[1] + 1) * cell,
        clientY: box.top + edge * scale + (inside[0] + 1) * cell,
      });
    } else if ((event.key === 'Enter' || event.key === ' ') && at) {
      actions.select(at.map(index => names[index]));
    } else {
      return;
    }
    event.preventDefault();
  });
  place.replaceChildren(make('div', {class: 'canvas'}, canvas, cursor),
    colourBar(matrix, view, low, high, alike));
}

// The range without the diagonal, where a member meets itself and which would take all contrast.
function range(matrix, numbers) {
  let [low, high, own, others] = [Infinity, -Infinity, 0, 0];
  numbers.forEach((row, i) => row.forEach((value, j) => {
    if (value === null) return;
    if (i === j) {
      own += value;
      return;
    }
    others += value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }));
  const count = numbers.length;
  if (count < 2) return {low: own, high: own, alike: true};
  return {low, high, alike: own / count >= others / (count * (count - 1))};
}

function paint(canvas, {numbers, order, names, shown, low, high, alike, inner, edge, ratio}) {
  const drawing = canvas.getContext('2d');
  const count = order.length;
  const span = high - low || 1;
  const palette = new Uint32Array(256);
  palette.forEach((_, level) => {
    const [red, green, blue] = shade(alike ? level / 255 : 1 - level / 255);
    palette[level] = 0xff000000 | (blue << 16) | (green << 8) | red;
  });
  const picture = drawing.createImageData(inner, inner);
  const pixels = new Uint32Array(picture.data.buffer);
  const member = Int32Array.from({length: inner}, (_, pixel) => Math.floor((pixel * count) / inner));
  const line = new Uint32Array(inner);
  for (let y = 0; y < inner; y += 1) {
    if (y === 0 || member[y] !== member[y - 1]) {
      const row = numbers[order[member[y]]];
      for (let x = 0; x < inner; x += 1) {
        const value = row[order[member[x]]];
        const level = Math.round((255 * (value - low)) / span);
        line[x] = value === null ? 0 : palette[Math.min(Math.max(level, 0), 255)];
      }
    }
    pixels.set(line, y * inner);
  }
  drawing.putImageData(picture, edge, edge);
  const style = getComputedStyle(document.documentElement);
  const band = edge - Math.round(GAP * ratio);
  const begin = index => edge + Math.ceil((index * inner) / count);
  let start = 0;
  for (let index = 1; index <= count; index += 1) {
    const family = shown.styleOf(names[start]);
    if (index < count && shown.styleOf(names[index]) === family) continue;
    const [from, to] = [begin(start), begin(index)];
    drawing.fillStyle = family ? style.getPropertyValue(family.variable) : '#888';
    drawing.fillRect(0, from, band, to - from);
    drawing.fillRect(from, 0, to - from, band);
    if (index < count) {
      drawing.fillStyle = style.getPropertyValue('--surface');
      drawing.fillRect(edge, to - 1, inner, Math.ceil(ratio));
      drawing.fillRect(to - 1, edge, Math.ceil(ratio), inner);
    }
    start = index;
  }
}

function colourBar(matrix, view, low, high, alike) {
  const bar = make('div', {class: 'bar'});
  bar.style.background = gradient(alike ? 'to right' : 'to left');
  const [left, right] = alike ? ['least alike', 'most alike'] : ['most alike', 'least alike'];
  const what = view === 'values' ? matrix.measure : `distance by ${matrix.measure}`;
  return make('div', {class: 'scale', id: 'bar'},
    make('div', {class: 'ends'}, make('span', {}, left), make('b', {}, what),
      make('span', {}, right)),
    bar,
    make('div', {class: 'ends'}, ...[low, (low + high) / 2, high].map(
      end => make('span', {}, number(end, 3)))));
}
