// The page `akp` of TensorBoard: the similarity matrix with its families, the map of the members
// in one scale for both axes, and the dispersion of the families.

const SIDE = 460;
const PALETTE = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b',
  '#e377c2', '#7f7f7f', '#bcbd22'];
const SVG = 'http://www.w3.org/2000/svg';

let tags = {};
let shown = {members: [], dispersion: [], matrix: null, order: [], colours: new Map()};

export async function render() {
  const link = make('link', {rel: 'stylesheet', href: './style.css'});
  document.head.append(link);
  const controls = make('div', {id: 'controls'});
  for (const name of ['run', 'tag']) {
    const label = make('label', {}, name === 'run' ? 'run ' : 'layer and measure ');
    const select = make('select', {id: name});
    select.addEventListener('change', () => name === 'run' ? loadRun() : loadMatrix());
    label.append(select);
    controls.append(label);
  }
  const reload = make('button', {id: 'reload'}, 'Read again');
  reload.addEventListener('click', loadTags);
  controls.append(reload, make('span', {id: 'status'}));
  const panels = make('div', {id: 'panels'});
  for (const [id, title] of [['matrix', 'Similarity of all pairs'],
    ['map', 'Map of the distances'], ['dispersion', 'Dispersion of the families']]) {
    const panel = make('div', {id});
    panel.append(make('h2', {}, title), make('div', {class: 'picture'}));
    panels.append(panel);
  }
  document.body.append(controls, make('div', {id: 'legend'}), make('div', {id: 'tooltip'}),
    panels, make('div', {id: 'details'}));
  await loadTags();
}

async function loadTags() {
  await reading(async () => {
    tags = await read('./tags');
    const runs = Object.keys(tags).filter(run => matrixTags(run).length);
    if (!runs.length) throw new Error('No run has similarity matrices.');
    fill('run', runs);
  });
  if (ready()) await loadRun();
}

async function loadRun() {
  await reading(async () => {
    const run = value('run');
    const [members, dispersion] = await Promise.all(
      ['members', 'dispersion'].map(tag => tags[run].includes(tag) ? data(run, tag) : []));
    shown.members = new Map(members.map(member => [member.name, member]));
    shown.dispersion = dispersion;
    const families = [...new Set(members.map(member => member.family))];
    shown.colours = new Map(families.map((family, index) => [family, colour(index)]));
    fill('tag', matrixTags(run));
  });
  if (ready()) await loadMatrix();
}

async function loadMatrix() {
  await reading(async () => {
    const matrix = await data(value('run'), value('tag'));
    const families = [...shown.colours.keys()];
    shown.matrix = matrix;
    shown.order = matrix.members.map((_, index) => index).sort((a, b) =>
      families.indexOf(family(a)) - families.indexOf(family(b)) || a - b);
    drawLegend();
    drawMatrix();
    drawMap();
    drawDispersion();
    document.getElementById('details').replaceChildren();
  });
}

function drawLegend() {
  const legend = document.getElementById('legend');
  legend.replaceChildren(...[...shown.colours].map(([name, shade]) => {
    const entry = make('span', {}, name);
    const dot = make('i');
    dot.style.background = shade;
    entry.prepend(dot);
    return entry;
  }));
}

function drawMatrix() {
  const {matrix, order} = shown;
  const count = order.length;
  const cell = Math.max(1, Math.floor(SIDE / count));
  const edge = 8;
  const canvas = make('canvas', {width: cell * count + edge, height: cell * count + edge});
  const drawing = canvas.getContext('2d');
  const all = matrix.values.flat();
  const low = all.reduce((a, b) => Math.min(a, b), Infinity);
  const high = all.reduce((a, b) => Math.max(a, b), -Infinity);
  order.forEach((i, row) => {
    drawing.fillStyle = shown.colours.get(family(i)) ?? '#000';
    drawing.fillRect(0, edge + row * cell, edge - 2, cell);
    drawing.fillRect(edge + row * cell, 0, cell, edge - 2);
    order.forEach((j, column) => {
      drawing.fillStyle = shade((matrix.values[i][j] - low) / (high - low || 1));
      drawing.fillRect(edge + column * cell, edge + row * cell, cell, cell);
    });
  });
  drawing.fillStyle = '#fff';
  order.forEach((i, row) => {
    if (row && family(i) !== family(order[row - 1])) {
      drawing.fillRect(edge, edge + row * cell, cell * count, 1);
      drawing.fillRect(edge + row * cell, edge, 1, cell * count);
    }
  });
  const pair = event => {
    const [row, column] = [event.offsetY, event.offsetX]
      .map(place => order[Math.floor((place - edge) / cell)]);
    return row === undefined || column === undefined ? null : [row, column];
  };
  canvas.addEventListener('mousemove', event => tell(pair(event)));
  canvas.addEventListener('click', event => pair(event) && showDetails(pair(event)));
  canvas.dataset.cell = cell;
  canvas.dataset.edge = edge;
  picture('matrix').replaceChildren(canvas,
    make('div', {}, `${matrix.measure}: dark ${number(low)}, bright ${number(high)}`));
}

function drawMap() {
  const points = shown.matrix.coordinates;
  const middle = [0, 1].map(axis => {
    const values = points.map(point => point[axis]);
    return (Math.min(...values) + Math.max(...values)) / 2;
  });
  // One scale for both axes: distances on the screen are comparable in every direction.
  const reach = Math.max(...points.flatMap(
    point => [0, 1].map(axis => Math.abs(point[axis] - middle[axis])))) || 1;
  const scale = (SIDE / 2 - 12) / reach;
  const svg = drawn('svg', {width: SIDE, height: SIDE});
  points.forEach((point, index) => {
    const circle = drawn('circle', {
      cx: SIDE / 2 + scale * (point[0] - middle[0]),
      cy: SIDE / 2 - scale * (point[1] - middle[1]),
      r: 6, 'fill-opacity': 0.8, fill: shown.colours.get(family(index)) ?? '#000',
      'data-name': shown.matrix.members[index],
    });
    circle.addEventListener('mouseenter', () => tell([index, index]));
    circle.addEventListener('click', () => showDetails([index, index]));
    svg.append(circle);
  });
  picture('map').replaceChildren(svg);
}

function drawDispersion() {
  const found = shown.dispersion.find(entry => entry.layer === shown.matrix.layer);
  if (!found) {
    picture('dispersion').replaceChildren(make('div', {}, 'none was written for this layer'));
    return;
  }
  const entries = Object.entries(found.families);
  const largest = Math.max(...entries.map(([, amount]) => amount)) || 1;
  const svg = drawn('svg', {width: SIDE, height: 24 * entries.length + 8});
  entries.forEach(([name, amount], index) => {
    const bar = drawn('rect', {
      x: 150, y: 24 * index + 6, height: 14, width: Math.max(0, 230 * amount / largest),
      fill: shown.colours.get(name) ?? '#000', 'data-family': name, 'data-value': amount,
    });
    const title = drawn('text', {x: 142, y: 24 * index + 18, 'text-anchor': 'end'});
    const label = drawn('text', {x: 388, y: 24 * index + 18});
    title.textContent = name;
    label.textContent = number(amount);
    svg.append(bar, title, label);
  });
  picture('dispersion').replaceChildren(svg);
}

function tell(pair) {
  const tooltip = document.getElementById('tooltip');
  if (!pair) {
    tooltip.textContent = '';
    return;
  }
  const {matrix} = shown;
  const [i, j] = pair;
  tooltip.textContent = i === j ? matrix.members[i]
    : `${matrix.members[i]} and ${matrix.members[j]}: ${matrix.measure} ` +
      `${number(matrix.values[i][j])}, distance ${number(matrix.distances[i][j])}`;
}

function showDetails(pair) {
  tell(pair);
  const details = document.getElementById('details');
  details.replaceChildren(...[...new Set(pair)].map(index => {
    const name = shown.matrix.members[index];
    const member = shown.members.get(name);
    const section = make('section', {'data-name': name});
    section.style.borderColor = shown.colours.get(family(index)) ?? '#000';
    section.append(make('h2', {}, name));
    if (!member) return section;
    if (member.accuracy != null) {
      section.append(make('div', {}, `test accuracy ${number(member.accuracy)}`));
    }
    section.append(make('div', {}, member.schedule));
    for (const swap of member.swaps) {
      section.append(make('div', {}, `epoch ${swap.epoch}, step ${swap.step}: ${swap.what} ` +
        `${swap.from} → ${swap.to} ${(swap.layers ?? []).join(', ')}`));
    }
    return section;
  }));
}

async function reading(task) {
  const status = document.getElementById('status');
  status.dataset.ready = '0';
  status.className = '';
  status.textContent = 'reading …';
  try {
    await task();
    status.textContent = '';
    status.dataset.ready = '1';
  } catch (error) {
    status.className = 'error';
    status.textContent = error.message;
  }
}

async function read(address) {
  const response = await fetch(address);
  const content = await response.json();
  if (!response.ok) throw new Error(content.error ?? response.statusText);
  return content;
}

const data = (run, tag) =>
  read(`./data?run=${encodeURIComponent(run)}&tag=${encodeURIComponent(tag)}`);
const ready = () => document.getElementById('status').dataset.ready === '1';
const matrixTags = run => tags[run].filter(tag => tag.startsWith('matrix/'));
const family = index => shown.members.get(shown.matrix.members[index])?.family;
const picture = id => document.querySelector(`#${id} .picture`);
const value = id => document.getElementById(id).value;
const number = amount => Number(amount.toPrecision(4)).toString();
// Further colours turn by the golden angle, so that neighbours stay apart.
const colour = index => PALETTE[index] ?? `hsl(${(index * 137.5) % 360} 60% 45%)`;

// From dark violet to bright yellow, ever brighter, so that it is readable without colour vision.
function shade(part) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const place = Math.min(Math.max(part, 0), 1) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const mixed = stops[left].map(
    (start, channel) => Math.round(start + (place - left) * (stops[left + 1][channel] - start)));
  return `rgb(${mixed.join(' ')})`;
}

function fill(id, names) {
  const select = document.getElementById(id);
  const before = select.value;
  select.replaceChildren(...names.map(
    name => make('option', {value: name}, name.replace(/^matrix\//, ''))));
  if (names.includes(before)) select.value = before;
}

function make(tag, attributes = {}, text = '') {
  const element = document.createElement(tag);
  for (const [name, content] of Object.entries(attributes)) element.setAttribute(name, content);
  element.textContent = text;
  return element;
}

function drawn(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, content] of Object.entries(attributes)) element.setAttribute(name, content);
  return element;
}
