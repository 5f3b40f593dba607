// The time of training: a slider over the snapshots, linear in epochs counted from 0, with the
// families' swaps on its track, and a button that plays it.

import {drawn, make} from './elements.js';
import {number} from './numbers.js';
import {familySwaps, tellSwap} from './swaps.js';

const THUMB = 16;
const PAUSE = 900;
let playing = null;

export function drawTimeline(place, shown, moved) {
  stop();
  const {trajectory} = shown;
  if (!trajectory) {
    place.replaceChildren();
    return;
  }
  const {epochs} = trajectory;
  const last = epochs.length - 1;
  const [first, end] = [epochs[0], epochs[last]];
  const slider = make('input', {
    type: 'range', id: 'time', min: first, max: end, step: 'any', 'aria-label': 'Time of training',
  });
  const play = make('button', {id: 'play', type: 'button', 'aria-label': 'Play the training'});
  const told = make('output', {id: 'epoch', for: 'time'});
  const label = () => {
    play.textContent = playing ? '❚❚' : '▶';
    play.setAttribute('aria-pressed', Boolean(playing));
  };
  const go = time => {
    slider.value = epochs[time];
    slider.dataset.time = time;
    const text = `after epoch ${number(epochs[time])}`;
    slider.setAttribute('aria-valuetext', text);
    told.textContent = `${text} (${number(first)} to ${number(end)})`;
    moved(time);
  };
  const now = () => Number(slider.dataset.time);
  slider.addEventListener('input', () => {
    stop();
    label();
    go(nearest(epochs, Number(slider.value)));
  });
  slider.addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
    if (!step && !['Home', 'End'].includes(event.key)) return;
    event.preventDefault();
    stop();
    label();
    if (step) go(Math.min(Math.max(now() + step, 0), last));
    else go(event.key === 'Home' ? 0 : last);
  });
  play.addEventListener('click', () => {
    if (playing) {
      stop();
    } else {
      if (now() === last) go(0);
      playing = window.setInterval(() => {
        go(Math.min(now() + 1, last));
        if (now() === last) stop();
        label();
      }, PAUSE);
    }
    label();
  });
  const track = make('div', {class: 'track'}, slider, swapMarks(shown, first, end));
  place.replaceChildren(play, track, told);
  label();
  go(shown.time);
}

function stop() {
  window.clearInterval(playing);
  playing = null;
}

const nearest = (epochs, epoch) => epochs.reduce((best, snapshot, time) =>
  Math.abs(snapshot - epoch) < Math.abs(epochs[best] - epoch) ? time : best, 0);

function swapMarks(shown, first, end) {
  const taken = [];
  const marks = [];
  // The thumb's middle stays half its width away from both ends of the track.
  const part = epoch => (end > first ? (epoch - first) / (end - first) : 0);
  for (const {name, colour} of shown.families.values()) {
    for (const swap of familySwaps(shown, name)) {
      // What was swapped before the first snapshot is marked at it; the title says when it was.
      const [from, to] = [swap.first, swap.last].map(at => Math.min(Math.max(at, first), end));
      const level = freeLevel(taken, from, to);
      taken.push({level, from, to});
      const place = {class: 'mark', 'data-family': name, 'data-epoch': swap.first,
        'data-last': swap.last, title: `${name}: ${tellSwap(swap)}`};
      const mark = from < to ? make('span', {...place, class: 'mark stretch'})
        : make('span', place, drawn('svg', {width: 9, height: 8, viewBox: '0 0 9 8'},
          drawn('path', {d: 'M4.5,0L9,8H0Z', fill: colour})));
      mark.style.left = `calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${part(from)})`;
      mark.style.top = `${9 * level}px`;
      if (from < to) {
        mark.style.background = colour;
        mark.style.width = `calc((100% - ${THUMB}px) * ${part(to) - part(from)})`;
      }
      marks.push(mark);
    }
  }
  const row = make('div', {class: 'marks'}, ...marks);
  row.style.height = `${9 * (1 + Math.max(-1, ...taken.map(({level}) => level)))}px`;
  return row;
}

function freeLevel(taken, from, to) {
  const there = taken.filter(other => other.from <= to && other.to >= from).map(({level}) => level);
  let level = 0;
  while (there.includes(level)) level += 1;
  return level;
}
