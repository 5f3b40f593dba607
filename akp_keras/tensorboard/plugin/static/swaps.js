// The swaps of families on the axis of epochs, from those of their members. On it, e is the end of
// epoch e, counted from 0, as the schedules count.

// One entry per swap that members of a family had in common: where the first and the last of them
// came to it, and how many did. A swap on a plateau comes to each member at a time of its own, or
// never.
export function familySwaps(shown, family) {
  const {members, swaps} = shown.trajectory;
  const own = members.filter(name => shown.styleOf(name)?.name === family);
  const shared = new Map();
  for (const name of own) {
    const turns = new Map();
    for (const {epoch, label, when} of swaps[name] ?? []) {
      const turn = turns.get(label) ?? 0;
      turns.set(label, turn + 1);
      const key = JSON.stringify([label, turn]);
      const swap = shared.get(key)
        ?? {label, first: epoch, last: epoch, from: when, to: when, count: 0, of: own.length};
      if (epoch < swap.first) Object.assign(swap, {first: epoch, from: when});
      if (epoch > swap.last) Object.assign(swap, {last: epoch, to: when});
      swap.count += 1;
      shared.set(key, swap);
    }
  }
  return [...shared.values()].sort((a, b) => a.first - b.first);
}

// In words, for example `loss a → b: epoch 2, step 60 to epoch 4, step 120; 3 of 8 members`.
export function tellSwap({label, first, last, from, to, count, of}) {
  const when = first === last ? from : `${from} to ${to}`;
  return `${label}: ${when}${count < of ? `; ${count} of ${of} members` : ''}`;
}

// The value at an epoch on the straight line between two snapshots, by `mixed(before, after, part)`;
// null outside them.
export function between(epochs, values, epoch, mixed) {
  const next = epochs.findIndex(snapshot => snapshot >= epoch);
  if (next < 0 || epochs[0] > epoch) return null;
  if (epochs[next] === epoch) return values[next];
  const part = (epoch - epochs[next - 1]) / (epochs[next] - epochs[next - 1]);
  return mixed(values[next - 1], values[next], part);
}
