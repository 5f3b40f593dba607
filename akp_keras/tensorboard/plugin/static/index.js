// The page `akp` of TensorBoard: the similarity matrix with its families, the map of the members,
// the dispersion of the families, and details of the selected members.

import {drawCourse} from './course.js';
import {forget, matrices, measureInAName, readData, readTags} from './data.js';
import {drawDispersion} from './dispersion.js';
import {byId, drawn, make} from './elements.js';
import {point, styleFamilies} from './families.js';
import {onHostReload} from './host.js';
import {drawMap, highlight} from './map.js';
import {drawMatrix} from './matrix.js';
import {number} from './numbers.js';
import {drawSelection} from './selection.js';
import {followTheme} from './theme.js';
import {drawTimeline} from './timeline.js';

let tags = {};
const shown = {
  run: null, tags: [], members: new Map(), families: new Map(), dispersions: [], dispersion: null,
  matrix: null, order: [], trajectory: null, time: 0, view: 'values', chosen: [],
  styleOf: name => shown.families.get(legendOf(name)),
  familyOf: name => familyOf(name),
};
const actions = {tell, select};

export async function render() {
  const style = make('link', {rel: 'stylesheet', href: './style.css'});
  const styled = new Promise(resolve => {
    style.onload = resolve;
    style.onerror = resolve;
  });
  document.head.append(style);
  document.title = 'Families';
  document.body.append(toolbar(), make('div', {id: 'legend'}), make('main', {},
    panel('matrix', 'Every pair of networks', switcher()),
    panel('map', 'Map of the networks'),
    panel('dispersion', 'How far the members of a family scatter'),
    panel('course', 'Scatter of the families during training'),
    make('aside', {id: 'details', 'aria-live': 'polite'})), make('div', {id: 'tooltip', role: 'status'}));
  byId('map').append(make('div', {id: 'timeline'}), make('p', {class: 'note', id: 'reading'}),
    make('p', {class: 'caution', id: 'missing'}));
  onHostReload(reload);
  window.addEventListener('resize', debounced(redraw));
  await styled;
  followTheme(byId('theme'), redraw);
  await reload();
}

function toolbar() {
  const select = (id, label, changed) => {
    const element = make('select', {id});
    element.addEventListener('change', changed);
    return make('label', {for: id}, make('span', {}, label), element);
  };
  const again = make('button', {id: 'reload', type: 'button'}, 'Read again');
  again.addEventListener('click', reload);
  return make('div', {id: 'controls'},
    select('run', 'run', loadRun), select('layer', 'layer', loadMatrix),
    select('measure', 'measure of similarity', loadMatrix), again,
    make('button', {id: 'theme', type: 'button', role: 'switch'}, 'Dark'),
    make('span', {id: 'status', role: 'status'}));
}

function panel(id, title, ...tools) {
  return make('section', {id, class: 'panel'},
    make('header', {}, make('h2', {}, title), ...tools), make('div', {class: 'picture'}));
}

function switcher() {
  const views = [['values', 'similarity'], ['distances', 'distance']];
  const buttons = views.map(([view, label]) => {
    const button = make('button', {type: 'button', 'data-view': view,
      'aria-pressed': view === shown.view}, label);
    button.addEventListener('click', () => {
      shown.view = view;
      buttons.forEach(other => other.setAttribute('aria-pressed', other === button));
      if (shown.matrix) drawMatrix(picture('matrix'), shown, actions);
    });
    return button;
  });
  return make('div', {class: 'switch', role: 'group', 'aria-label': 'Colour the matrix by'}, ...buttons);
}

async function reload() {
  forget();
  await reading(async () => {
    tags = await readTags();
    const runs = Object.keys(tags).filter(run => matrices(tags[run]).length);
    if (!runs.length) throw new Error('No run has similarity matrices yet.');
    fill('run', runs.map(run => [run, run]));
    byId('run').parentElement.hidden = runs.length < 2;
    await readRun();
  });
}

const loadRun = () => reading(readRun);
const loadMatrix = () => reading(readMatrix);

async function readRun() {
  shown.run = byId('run').value;
  shown.tags = tags[shown.run];
  const [members, dispersions] = await Promise.all(['members', 'dispersion'].map(tag => part(tag, [])));
  shown.members = new Map(members.map(member => [member.name, member]));
  shown.dispersions = dispersions;
  const written = matrices(shown.tags);
  // The writer lists layers by depth and measures by importance; tags are in order of the alphabet.
  const layers = ordered(written.map(({layer}) => layer), dispersions.map(({layer}) => layer));
  fill('layer', layers.map(layer => [layer, layer]));
  const ids = dispersions.map(({measure}) => measure).filter(Boolean);
  fill('measure', ordered(written.map(({measure}) => measure), ids.map(measureInAName)).map(
    measure => [measure, ids.find(id => measureInAName(id) === measure) ?? measure]));
  await readMatrix();
}

async function readMatrix() {
  const [layer, measure] = [byId('layer').value, byId('measure').value];
  const tag = `matrix/${layer}/${measure}`;
  if (!shown.tags.includes(tag)) throw new Error(`${measure} was not written at ${layer}.`);
  const [matrix, trajectory] = await Promise.all(
    [readData(shown.run, tag), part(`trajectory/${layer}/${measure}`, null)]);
  // The selection may have changed while this was loaded.
  if (byId('layer').value !== layer || byId('measure').value !== measure) return;
  const atEnd = !shown.trajectory || shown.time === shown.trajectory.epochs.length - 1;
  shown.matrix = matrix;
  shown.trajectory = trajectory?.epochs.length ? trajectory : null;
  const last = (shown.trajectory?.epochs.length ?? 1) - 1;
  shown.time = atEnd ? last : Math.min(shown.time, last);
  const {dispersions} = shown;
  shown.dispersion = dispersions.find(d => d.layer === layer && d.measure === matrix.measure)
    ?? dispersions.find(d => d.layer === layer && !d.measure) ?? null;
  const names = [...shown.members.keys(), ...matrix.members];
  shown.families = styleFamilies(names.map(legendOf), dispersions.find(d => d.control)?.control);
  const place = name => shown.styleOf(name)?.place ?? 0;
  shown.order = matrix.members.map((_, index) => index).sort((a, b) =>
    place(matrix.members[a]) - place(matrix.members[b]) || a - b);
  shown.chosen = shown.chosen.filter(name => matrix.members.includes(name));
  redraw();
}

function redraw() {
  if (!shown.matrix) return;
  // The grid must have its columns before anything is drawn to their width.
  byId('course').hidden = !shown.trajectory;
  document.querySelector('main').classList.toggle('timed', Boolean(shown.trajectory));
  drawLegend();
  drawMatrix(picture('matrix'), shown, actions);
  drawDispersion(picture('dispersion'), shown, actions);
  const movePoints = drawMap(picture('map'), shown, actions);
  const moveMarker = shown.trajectory ? drawCourse(picture('course'), shown) : () => {};
  drawTimeline(byId('timeline'), shown, time => {
    shown.time = time;
    movePoints(time);
    moveMarker(time);
  });
  byId('reading').textContent = 'Distances on the screen stand for distances between networks, '
    + 'alike in every direction, as well as two axes can show them. ' + (shown.trajectory
      ? 'Lines show the way through training, rings the swaps.'
      : 'Lines lead to the centre of the family.');
  if (shown.trajectory?.averaged) {
    byId('reading').textContent += ' With snapshots, the positions of this layer are averaged; the '
      + 'matrix keeps them.';
  }
  byId('missing').textContent = missing();
  highlight(shown.chosen);
  drawSelection(byId('details'), shown, actions);
}

// Why networks of the matrix are not in a map through training.
function missing() {
  const {matrix, trajectory} = shown;
  if (!trajectory) return '';
  const excluded = trajectory.excluded ?? {};
  const names = new Set([...matrix.members, ...Object.keys(excluded)]
    .filter(name => !trajectory.members.includes(name)));
  if (!names.size) return '';
  return `Not in this map, nor in the scatter during training: ${[...names].map(
    name => `${name} (${excluded[name] ?? 'no snapshots'})`).join('; ')}.`;
}

function drawLegend() {
  const counts = new Map();
  for (const name of shown.matrix.members) {
    counts.set(legendOf(name), (counts.get(legendOf(name)) ?? 0) + 1);
  }
  byId('legend').replaceChildren(...[...shown.families.values()].map(style => {
    const symbol = point(style, 5.5);
    symbol.setAttribute('transform', 'translate(8, 8)');
    const entry = make('span', {'data-family': style.name, tabindex: 0,
      title: `${style.name}: ${counts.get(style.name) ?? 0} members`},
    drawn('svg', {width: 16, height: 16, 'aria-hidden': true}, symbol), style.name);
    const members = shown.matrix.members.filter(name => legendOf(name) === style.name);
    for (const [on, names] of [['mouseenter', members], ['focus', members], ['mouseleave', null],
      ['blur', null]]) {
      entry.addEventListener(on, () => highlight(names ?? shown.chosen));
    }
    return entry;
  }), summary());
}

function summary() {
  const verdict = shown.dispersion?.verdict;
  if (!verdict) return '';
  return make('a', {href: '#verdict', id: 'summary', title: 'Why is told below'},
    'within families: ', make('b', {class: `badge ${verdict}`}, verdict));
}

function tell(names, at, more = '') {
  const tooltip = byId('tooltip');
  highlight(names ?? shown.chosen);
  if (!names) {
    tooltip.textContent = '';
    tooltip.classList.remove('there');
    return;
  }
  const {matrix} = shown;
  const [first, second] = names;
  const [i, j] = names.map(name => matrix.members.indexOf(name));
  const text = second === undefined || first === second ? [first]
    : [`${first} and ${second}: ${matrix.measure} ${number(matrix.values[i][j])}, `
      + `distance ${number(matrix.distances[i][j])}`];
  const accuracy = shown.members.get(first)?.accuracy;
  if (text[0] === first && Number.isFinite(accuracy)) {
    text.push(`test accuracy ${(100 * accuracy).toFixed(1)} %`);
  }
  tooltip.textContent = [...text, more].filter(Boolean).join(', ');
  tooltip.classList.add('there');
  const box = tooltip.getBoundingClientRect();
  const left = Math.min(at.clientX + 14, window.innerWidth - box.width - 8);
  const below = at.clientY + 18;
  const top = below + box.height > window.innerHeight ? at.clientY - box.height - 12 : below;
  Object.assign(tooltip.style, {left: `${Math.max(8, left)}px`, top: `${Math.max(8, top)}px`});
}

function select(names) {
  shown.chosen = [...new Set(names)];
  highlight(shown.chosen);
  drawSelection(byId('details'), shown, actions);
}

// A tag that is damaged or not there leaves the other panels as they are.
async function part(tag, otherwise) {
  if (!shown.tags.includes(tag)) return otherwise;
  try {
    return await readData(shown.run, tag);
  } catch (error) {
    problems.push(`${tag}: ${error.message}`);
    return otherwise;
  }
}

let problems = [];
let readings = 0;

async function reading(task) {
  const status = byId('status');
  readings += 1;
  const turn = readings;
  problems = [];
  status.dataset.ready = '0';
  status.className = '';
  status.textContent = 'reading …';
  try {
    await task();
  } catch (error) {
    problems.push(error.message);
    if (turn === readings) status.dataset.ready = 'failed';
  }
  if (turn !== readings) return;
  status.className = problems.length ? 'error' : '';
  status.textContent = problems.join(' · ');
  if (status.dataset.ready === '0') status.dataset.ready = '1';
}

function fill(id, entries) {
  const select = byId(id);
  const before = select.value;
  select.replaceChildren(...entries.map(([value, text]) => make('option', {value}, text)));
  if (entries.some(([value]) => value === before)) select.value = before;
}

function ordered(names, wanted) {
  const place = name => (wanted.includes(name) ? wanted.indexOf(name) : wanted.length);
  return [...new Set(names)].sort((a, b) => place(a) - place(b));
}

function debounced(task) {
  let timer = null;
  return () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(task, 120);
  };
}

function familyOf(name) {
  return shown.members.get(name)?.family ?? name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

// Many families of one or two members share an entry of the legend, and a colour.
function legendOf(name) {
  return shown.members.get(name)?.legend ?? familyOf(name);
}

const picture = id => document.querySelector(`#${id} .picture`);
