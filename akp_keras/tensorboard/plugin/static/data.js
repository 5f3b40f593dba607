// The answers of the back end: the tags of every run, and the JSON of a tag. Answers are cached until
// the data are reloaded.

let kept = new Map();

export function forget() {
  kept = new Map();
}

export const readTags = () => read('./tags');

export function readData(run, tag) {
  const query = new URLSearchParams({run, tag});
  const address = `./data?${query}`;
  if (!kept.has(address)) {
    const answer = read(address);
    kept.set(address, answer);
    answer.catch(() => kept.delete(address));
  }
  return kept.get(address);
}

async function read(address) {
  const response = await fetch(address);
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.error ?? `${address}: ${response.status}`);
  return content;
}

// Tags `matrix/<layer>/<measure>`, as {layer, measure, tag}.
export function matrices(tags) {
  return tags.filter(tag => /^matrix\/.+\/[^/]+$/.test(tag)).map(tag => {
    const end = tag.lastIndexOf('/');
    return {layer: tag.slice('matrix/'.length, end), measure: tag.slice(end + 1), tag};
  });
}

// A measure's id as it stands in a tag; the same rule as akp_keras.tensorboard.names.
export const measureInAName = measure =>
  measure.replace(/[^A-Za-z0-9_./@-]+/g, '_').replace(/_+/g, '_').replace(/^_+|_+$/g, '');
