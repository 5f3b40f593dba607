// What is known of the chosen members: their swaps, schedules and accuracies; of two, the probe
// samples that they relate most differently to the others; of one, its nearest and its farthest.

import {make} from './elements.js';
import {readData} from './data.js';
import {number, percent, points} from './numbers.js';
import {byDifference, decodeFactor} from './samples.js';

const SHOWN_SAMPLES = 12;
const SHOWN_NEIGHBOURS = 5;
let latest = 0;

export async function drawSelection(place, shown, actions) {
  latest += 1;
  const turn = latest;
  const names = [...new Set(shown.chosen)];
  if (!names.length) {
    place.dataset.ready = '1';
    place.replaceChildren(...guide());
    return;
  }
  place.dataset.ready = '0';
  const parts = [heading(shown, names, actions)];
  if (names.length === 2) parts.push(pairNumbers(shown, names));
  parts.push(make('div', {class: 'cards'}, ...names.map(name => card(shown, name))));
  const more = make('div', {id: 'more'});
  place.replaceChildren(...parts, more);
  const content = names.length === 2
    ? await differences(shown, names).catch(error => [note(error.message, 'error')])
    : neighbours(shown, names[0], actions);
  // Another choice may have been made while the data came.
  if (turn !== latest) return;
  more.replaceChildren(...content);
  place.dataset.ready = '1';
}

const note = (text, kind = 'note') => make('p', {class: kind}, text);

function guide() {
  const lines = [
    ['Matrix', 'each cell compares two networks (members). Members of a family stand side by side: '
      + 'a bright block on the diagonal is a family whose members came to the same solution.'],
    ['Map', 'each point is a network; near points compute alike. A tight cloud is a family that '
      + 'agrees, a wide one a family whose members each went their own way.'],
    ['Dispersion', 'how wide each cloud is. The Anna Karenina principle says that families that '
      + 'generalise badly are wider.'],
  ];
  return [make('h2', {}, 'Look closer'),
    note('Click a cell of the matrix to compare two networks, or a point of the map to see one '
      + 'network and its neighbours.', 'lead'),
    make('dl', {}, ...lines.flatMap(([term, text]) => [make('dt', {}, term), make('dd', {}, text)]))];
}

function heading(shown, names, actions) {
  const clear = make('button', {type: 'button', class: 'clear', 'aria-label': 'Clear the choice'}, '×');
  clear.addEventListener('click', () => actions.select([]));
  return make('header', {}, make('h2', {}, names.length === 2 ? 'Two networks' : 'One network'), clear);
}

function pairNumbers(shown, names) {
  const {matrix} = shown;
  const [i, j] = names.map(name => matrix.members.indexOf(name));
  if (i < 0 || j < 0) return note('These two are not in this matrix.');
  return make('dl', {class: 'numbers', id: 'pair'},
    make('dt', {}, matrix.measure), make('dd', {}, number(matrix.values[i][j])),
    make('dt', {}, 'distance'), make('dd', {}, number(matrix.distances[i][j])));
}

function card(shown, name) {
  const member = shown.members.get(name);
  const style = shown.styleOf(name);
  const section = make('section', {'data-name': name, class: 'card'}, make('h3', {}, name));
  section.style.borderColor = style?.colour ?? 'currentColor';
  if (!member) {
    section.append(note('Nothing more was written about this network.'));
    return section;
  }
  const rows = [['test', percent(member.accuracy)],
    ['training', percent(member.train_accuracy)], ['difference', points(member.gap)]]
    .filter((_, index) => Number.isFinite([member.accuracy, member.train_accuracy, member.gap][index]));
  if (rows.length) {
    section.append(make('h4', {}, 'accuracy'), make('dl', {class: 'numbers'}, ...rows.flatMap(
      ([term, text]) => [make('dt', {}, term), make('dd', {}, text)])));
  }
  section.append(make('h4', {}, 'schedule'), make('code', {}, ...breakable(member.schedule)),
    make('h4', {}, 'swaps'), swaps(member));
  return section;
}

// A schedule may be broken after an equals sign, so that no name is.
const breakable = text => text.split(/(?<==)/).flatMap(
  (piece, index) => (index ? [make('wbr'), piece] : [piece]));

function swaps(member) {
  const happened = member.swaps.filter(swap => swap.step > 0 || swap.what === 'labels');
  if (!happened.length) return note('none');
  return make('ul', {class: 'swaps'}, ...happened.map(swap => {
    const when = swap.step ? `epoch ${swap.epoch}, step ${swap.step}` : 'from the start';
    const item = make('li', {}, make('b', {}, when),
      ` ${swap.what}: ${swap.from} → ${swap.to}`);
    const layers = (swap.layers ?? []).join(', ');
    if (layers) item.append(make('span', {class: 'layers'}, ` in ${layers}`));
    return item;
  }));
}

function neighbours(shown, name, actions) {
  const {matrix} = shown;
  const own = matrix.members.indexOf(name);
  if (own < 0) return [note('This network is not in this matrix.')];
  const others = matrix.members.map((other, index) => ({other, distance: matrix.distances[own][index]}))
    .filter((_, index) => index !== own)
    .sort((a, b) => a.distance - b.distance || a.other.localeCompare(b.other));
  const list = (id, title, neighbours) => make('div', {id}, make('h4', {}, title),
    make('ol', {class: 'members'}, ...neighbours.map(({other, distance}) => {
      const dot = make('i');
      dot.style.background = shown.styleOf(other)?.colour ?? 'currentColor';
      const button = make('button', {type: 'button', 'data-name': other, 'data-distance': distance,
        title: `Compare ${name} with ${other}`}, dot, other, make('span', {}, distance.toPrecision(3)));
      button.addEventListener('click', () => actions.select([name, other]));
      return make('li', {}, button);
    })));
  return [make('div', {class: 'cards'},
    list('nearest', 'nearest, by distance', others.slice(0, SHOWN_NEIGHBOURS)),
    list('farthest', 'farthest, by distance', others.slice(-SHOWN_NEIGHBOURS).reverse())),
  note('Click one of them to compare the two.')];
}

async function differences(shown, names) {
  const title = make('h3', {}, 'Probe samples that they see most differently');
  const layer = shown.matrix.layer;
  const tags = names.map(name => `sample_factors/${layer}/${name}`);
  const missing = names.filter((_, index) => !shown.tags.includes(tags[index]));
  if (missing.length) {
    const written = shown.matrix.members.filter(
      name => shown.tags.includes(`sample_factors/${layer}/${name}`));
    return [title, note(`Not written at ${layer} for ${missing.join(' and ')}`
      + (written.length ? `; written are those of ${written.slice(0, 4).join(', ')}`
        + `${written.length > 4 ? ` and ${written.length - 4} more` : ''}.` : '.'))];
  }
  const [pictures, ...contents] = await Promise.all([
    shown.tags.includes('pictures') ? readData(shown.run, 'pictures') : null,
    ...tags.map(tag => readData(shown.run, tag))]);
  const all = byDifference(...contents.map(decodeFactor));
  const largestFirst = all.slice(0, SHOWN_SAMPLES);
  const largest = largestFirst[0]?.difference || 1;
  const kept = Math.min(...contents.map(content => content.kept ?? 1));
  const figures = largestFirst.map(({sample, difference}, rank) =>
    figure(pictures, sample, difference, largest, rank));
  return [title,
    make('div', {class: pictures?.png ? 'samples' : 'samples words', id: 'samples'}, ...figures),
    note('For every sample, each network says how alike it is to every other sample. The bar and '
      + 'the number tell how far the two networks disagree on that: the length of the sample’s row '
      + 'in the difference of their centred, normalised Gram matrices at this layer '
      + `(${kept > 0.999 ? 'all' : `at least ${percent(kept)}`} of the squared norm of each is kept).`),
    rough(all, contents)];
}

// F·Fᵀ is G without directions that are orthogonal to it, so that ‖G − F·Fᵀ‖² = 1 − kept.
function rough(all, contents) {
  const seen = all.reduce((sum, {difference}) => sum + difference ** 2, 0);
  const leftOut = contents.reduce((sum, content) => sum + 1 - (content.kept ?? 1), 0);
  return leftOut > seen ? note('These two relate the samples nearly alike: what is left out of both '
    + 'weighs more than all that is seen of their difference. The order is rough, and single numbers '
    + 'may be far off.', 'note rough') : '';
}

function figure(pictures, sample, difference, largest, rank) {
  const id = pictures?.ids[sample] ?? `sample ${sample}`;
  const label = pictures?.labels[sample] ?? '';
  const bar = make('span', {class: 'amount'});
  bar.style.width = `${(100 * difference) / largest}%`;
  return make('figure', {'data-sample': sample, 'data-id': id, 'data-label': label,
    'data-difference': difference, 'data-rank': rank, title: `${id}, ${label}`},
  pictures?.png && sample < pictures.pictured ? thumbnail(pictures, sample, `${id}, ${label}`) : null,
  make('figcaption', {}, make('b', {}, id), make('span', {class: 'label'}, label),
    make('span', {class: 'rail'}, bar), make('span', {}, difference.toPrecision(3))));
}

function thumbnail(pictures, sample, text) {
  const {side, columns} = pictures;
  const picture = make('div', {class: 'thumbnail', role: 'img', 'aria-label': text});
  const [row, column] = [Math.floor(sample / columns), sample % columns];
  const share = place => (columns > 1 ? (100 * place) / (columns - 1) : 0);
  Object.assign(picture.style, {
    backgroundImage: `url(${sprite(pictures)})`, backgroundSize: `${100 * columns}%`,
    backgroundPosition: `${share(column)}% ${share(row)}%`,
    imageRendering: side < 64 ? 'pixelated' : 'auto',
  });
  return picture;
}

// One address for all thumbnails of a sprite, so that the browser decodes it once.
const sprites = new WeakMap();

function sprite(pictures) {
  if (!sprites.has(pictures)) {
    const bytes = Uint8Array.from(atob(pictures.png), letter => letter.charCodeAt(0));
    sprites.set(pictures, URL.createObjectURL(new Blob([bytes], {type: 'image/png'})));
  }
  return sprites.get(pictures);
}
